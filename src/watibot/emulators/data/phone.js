// Looks for news once a second, and sends forms without a reload. The page works without it.
"use strict";

const chat = document.querySelector("[data-chat]");
const problem = document.querySelector("[data-problem]");

async function look() {
  const answer = await fetch("/chat" + location.search, { cache: "no-store" });
  if (!answer.ok) return;
  const text = await answer.text();
  if (text === chat.dataset.text) return;
  const playing = [...chat.querySelectorAll("audio, video")].some((each) => !each.paused);
  if (playing) return;
  const atEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 40;
  chat.innerHTML = text;
  chat.dataset.text = text;
  if (atEnd || !look.before) chat.scrollTop = chat.scrollHeight;
  look.before = true;
}

function told(words) {
  problem.hidden = !words;
  problem.textContent = words ? problem.dataset.words + ": " + words : "";
  if (words) problem.scrollIntoView({ block: "nearest" });
}

async function send(event) {
  event.preventDefault();
  const form = event.target;
  const body = new FormData(form, event.submitter);
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body,
      headers: { accept: "application/json" },
    });
    const found = await answer.json();
    told(answer.ok ? "" : found.error);
    if (answer.ok) {
      const kept = form.querySelector("[data-keep]");
      const value = kept && kept.value;
      form.reset();
      if (kept) kept.value = value;
      await look();
      chat.scrollTop = chat.scrollHeight;
    }
  } catch (error) {
    told(String(error));
  }
}

function open(event) {
  const [channel, guest] = event.target.value.split(" ");
  location.search = new URLSearchParams({ channel, guest });
}

document.querySelector("[data-person]")?.addEventListener("change", open);
for (const form of document.querySelectorAll("[data-send]")) form.addEventListener("submit", send);
if (chat) {
  const again = () => look().catch(() => undefined).finally(() => setTimeout(again, 1000));
  again();
}
