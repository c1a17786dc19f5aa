"""Starts any of the emulators in one loop and says which settings point a service at them.

Called by `python -m watibot.emulators`, `watibot emulate`, the demonstration and tests; the table
in `__init__.py` and `kit.serve` are after it.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from watibot.emulators import EMULATORS
from watibot.emulators.kit import Clock, Emulator, serve
from watibot.emulators.manychat import DEFAULTS as MANYCHAT
from watibot.emulators.openai_doors import DEFAULTS as OPENAI
from watibot.emulators.wati import DEFAULTS as WATI

Options = Mapping[str, dict[str, object]]


@asynccontextmanager
async def launch(
    ports: dict[str, int],
    clock_spec: str | None = None,
    webhook_base: str | None = None,
    options: Options | None = None,
    secret: str = "",
) -> AsyncIterator[dict[str, str]]:
    """Yields the base URL of each emulator named in `ports` (0 takes a free port).

    `webhook_base` is the service's address, `secret` what it expects from WATI in the URL and from
    ManyChat in a header; `options` are settings by emulator. ValueError names a wrong one.
    """
    clock = Clock.parse(clock_spec)
    chosen = options or {}
    urls: dict[str, str] = {}
    phone: Emulator | None = None
    async with AsyncExitStack() as stack:
        for name, port in ports.items():
            told = {**_webhook(name, webhook_base, secret), **chosen.get(name, {})}
            emulator: Emulator = EMULATORS[name](clock, told)
            urls[name] = await stack.enter_async_context(serve(emulator.app(), port=port))
            if name == "manychat" and "cdn_base" not in told:
                emulator.change({"cdn_base": urls[name]})
            if name == "phone":
                phone = emulator
        if phone is not None:
            phone.change({name: urls[name] for name in ("wati", "manychat") if name in urls})
        yield urls


def _webhook(name: str, base: str | None, secret: str) -> dict[str, object]:
    if base is None:
        return {}
    if name == "wati":
        return {"webhook_url": f"{base}/webhook?token={secret}"}
    if name == "manychat":
        headers = {"X-Watibot-Secret": secret}
        return {"webhook_url": f"{base}/manychat/webhook", "webhook_headers": headers}
    return {}


def settings_for(
    urls: Mapping[str, str],
    directory: Path,
    clock_spec: str | None = None,
    options: Options | None = None,
    secret: str = "",
) -> dict[str, str]:
    """The environment of a service that talks to these emulators.

    Writes a service account with a fresh key into `directory` when "vertex" is among the `urls`.
    """
    chosen = options or {}
    found: dict[str, str] = {}
    if "wati" in urls:
        wati = {**WATI, **chosen.get("wati", {})}
        found["WATI_BASE_URL"] = f"{urls['wati']}/{wati['tenant']}"
        found["WATI_TOKEN"] = str(wati["token"])
    if "manychat" in urls:
        manychat = {**MANYCHAT, **chosen.get("manychat", {})}
        found["MANYCHAT_BASE_URL"] = urls["manychat"]
        found["MANYCHAT_TOKEN"] = str(manychat["token"])
        found["MEDIA_EXTRA_HOSTS"] = urls["manychat"].removeprefix("http://")
    if "vertex" in urls:
        found |= {
            "VERTEX_PROJECT": "demo-hotel",
            "VERTEX_ENGINE_ID": "4242",
            "VERTEX_MODEL_LOCATION": "global",
            "VERTEX_SESSIONS_LOCATION": "us-central1",
            "VERTEX_MODEL_BASE_URL": urls["vertex"],
            "VERTEX_SESSIONS_BASE_URL": urls["vertex"],
            "GOOGLE_APPLICATION_CREDENTIALS": str(_service_account(urls["vertex"], directory)),
        }
    if "openai" in urls:
        openai = {**OPENAI, **chosen.get("openai", {})}
        found["OPENAI_BASE_URL"] = f"{urls['openai']}/v1"
        found["OPENAI_API_KEY"] = str(openai["api_key"])
        found["OPENAI_ASSISTANT_ID"] = str(openai["assistant"])
    if "staff" in urls:
        found["STAFF_NOTIFY_URLS"] = f"json://{urls['staff'].removeprefix('http://')}/notify"
    if "phone" in urls:
        found["WATIBOT_PHONE_URL"] = urls["phone"]
    if clock_spec:
        found["WATIBOT_CLOCK"] = clock_spec
    if secret:
        found["WATIBOT_WEBHOOK_SECRET"] = secret
    return found


def _service_account(vertex_url: str, directory: Path) -> Path:
    # Imported here: making a key is needed by one caller, and loading OpenSSL takes its time.
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path = directory / "service-account.json"
    path.touch(mode=0o600)
    account = {
        "type": "service_account",
        "project_id": "demo-hotel",
        "private_key_id": "emulator",
        "private_key": pem,
        "client_email": "emulator@demo-hotel.iam.gserviceaccount.com",
        "client_id": "0",
        "token_uri": f"{vertex_url}/token",
    }
    path.write_text(json.dumps(account, indent=2))
    return path
