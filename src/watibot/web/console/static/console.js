// News for open pages: listens to /console/live, tells htmx which regions to ask for again, and says
// when one may be swapped. Pages work without it. What a region is: live.py.
"use strict";
(() => {
  const TOPICS = ["today", "queues", "conversation"];
  const REGIONS = '[hx-trigger^="sse:"]';
  const LONGEST_PAUSE = 60000; // ms between tries to listen
  // A page that nobody touches asks for nothing any more, so that its session ends.
  const UNTOUCHED = 12 * 3600 * 1000;
  const body = document.body;
  const came = new Map(); // a region's id -> its HTML as it came
  let source = null, missed = false, over = false, pause = 1000, touched = Date.now(), opened = [], focused = null;

  // --- listening ---

  const tell = (topic) => body.dispatchEvent(new CustomEvent(`sse:${topic}`));

  function listen() {
    // A browser has six connections to a host: a tab that nobody sees takes none.
    if (source || over || document.hidden || !body.dataset.live) return;
    source = new EventSource(body.dataset.live);
    source.onopen = () => {
      pause = 1000;
      if (missed) TOPICS.forEach(tell);
      missed = false;
    };
    source.onerror = () => {
      hangUp();
      setTimeout(listen, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    };
    for (const topic of TOPICS) source.addEventListener(topic, (event) => hear(topic, event.data));
    source.addEventListener("end", leave);
  }

  function hangUp() {
    if (source) source.close();
    source = null;
    missed = true;
  }

  function hear(topic, data) {
    if (Date.now() - touched > UNTOUCHED) return hangUp();
    if (topic === "queues") count(JSON.parse(data));
    tell(topic);
  }

  // The session has ended. What somebody has typed stays on the page.
  function leave() {
    over = true;
    hangUp();
    if (![...document.querySelectorAll("input, textarea")].some(isChanged)) location.reload();
  }

  function count(waiting) {
    const more = [];
    for (const badge of document.querySelectorAll("[data-count]")) {
      const now = waiting[badge.dataset.count] || 0, before = Number(badge.textContent);
      badge.textContent = now;
      badge.hidden = !now;
      if (now > before) more.push(`${badge.dataset.word}: ${now}`);
    }
    if (more.length) document.getElementById("heard").textContent = more.join(", ");
  }

  // --- swapping ---

  const isChanged = (field) =>
    field.type === "checkbox" || field.type === "radio"
      ? field.checked !== field.defaultChecked
      : field.type !== "hidden" && field.value !== field.defaultValue;

  // Of a table that is folded, what has the focus: after a swap it is found again.
  const fold = (element) => element.matches("details[id] > summary") && element.parentElement.id;

  const isInUse = (region) =>
    (region.contains(document.activeElement) && !fold(document.activeElement)) ||
    [...region.querySelectorAll("input, textarea")].some(isChanged) ||
    [...region.querySelectorAll("audio")].some((sound) => !sound.paused);

  function sayStale(isStale) {
    const told = document.getElementById("stale");
    told.hidden = !isStale;
    told.firstElementChild.textContent = isStale ? told.dataset.words : "";
  }

  body.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr } = event.detail;
    if (!target.matches(REGIONS)) return;
    const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
    const fresh = page.getElementById(target.id);
    if (!fresh || fresh.outerHTML === came.get(target.id) || isInUse(target)) {
      event.detail.shouldSwap = false;
      if (xhr.responseURL.includes("/sign-in")) leave();
      else if (fresh && fresh.outerHTML !== came.get(target.id)) {
        target.dataset.stale = "";
        sayStale(true);
      }
      return;
    }
    came.set(target.id, fresh.outerHTML);
    opened = [...target.querySelectorAll("details[open][id]")].map((each) => each.id);
    focused = target.contains(document.activeElement) && fold(document.activeElement);
    sayStale(false);
  });

  body.addEventListener("htmx:afterSwap", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.firstElementChild.focus({ preventScroll: true });
    [opened, focused] = [[], null];
  });

  // Who has left a region that could not be swapped is shown what is new.
  body.addEventListener("focusout", () => setTimeout(() => {
    for (const region of document.querySelectorAll("[data-stale]")) {
      if (isInUse(region)) continue;
      delete region.dataset.stale;
      body.dispatchEvent(new CustomEvent(region.getAttribute("hx-trigger").split(" ")[0]));
    }
  }));

  // --- the page ---

  for (const region of document.querySelectorAll(REGIONS)) came.set(region.id, region.outerHTML);
  // On a narrow screen the sections are a strip: the one that is open is in sight.
  const here = document.querySelector(".top nav [aria-current]");
  if (here) here.closest("ul").scrollLeft = here.offsetLeft - here.closest("ul").offsetLeft - 16;
  for (const deed of ["pointerdown", "keydown"]) {
    document.addEventListener(deed, () => { touched = Date.now(); listen(); });
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? hangUp() : listen()));
  addEventListener("pagehide", hangUp);
  addEventListener("pageshow", listen);
  listen();
})();
