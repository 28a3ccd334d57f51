// The e-card on this device: a key that never leaves it, a smooth countdown, a fresh code in time.
// Without this script the page loads itself again and the server's session stands for the key.
"use strict";
(() => {
  const card = document.querySelector("[data-e-card]");
  if (!card) return;
  const part = (name) => card.querySelector(`[data-${name}]`);
  const [shown, qr, bar, text, offer, problem, weaker, form] =
    ["shown", "qr", "bar", "text", "offer", "problem", "weaker", "bind"].map(part);
  const { holder, issuer } = card.dataset;
  // The device's clock may be wrong: what it signs follows the server's.
  let ahead = Number(card.dataset.now) - Date.now();
  const FRESH_BEFORE_END = 8;
  let mine = null, until = 0, asking = false, retryAt = 0, first = true;

  const open = () => new Promise((resolve, reject) => {
    const asked = indexedDB.open("yikatong-e-card", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("keys");
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  const inStore = async (mode, act) => {
    const base = await open();
    try {
      return await new Promise((resolve, reject) => {
        const change = base.transaction("keys", mode);
        const asked = act(change.objectStore("keys"));
        change.oncomplete = () => resolve(asked.result);
        change.onerror = change.onabort = () => reject(change.error);
      });
    } finally { base.close(); }
  };
  const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  const show = (answer) => {
    qr.innerHTML = answer.svg;
    until = Date.now() + answer.seconds * 1000;
    shown.hidden = false;
    offer.hidden = problem.hidden = true;
    if (weaker) weaker.hidden = Boolean(mine);
    // Large type on a small phone: whoever holds it to a scanner need not scroll first.
    if (first && text.getBoundingClientRect().bottom > innerHeight) card.scrollIntoView();
    first = false;
  };
  const fail = (say) => { problem.textContent = say; problem.hidden = false; };

  const ask = async () => {
    if (asking || Date.now() < retryAt) return;
    asking = true;
    retryAt = Date.now() + 3000;
    try {
      let body = {};
      if (mine) {
        const asked = Date.now() + ahead;
        const said = new TextEncoder().encode(`yikatong e-card code\n${issuer}\n${mine.device}\n${asked}`);
        const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, mine.key, said);
        body = { device: mine.device, asked: String(asked), signature: base64url(signature) };
      }
      const answer = await fetch("/e-card/code", {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
      });
      if (answer.ok) show(await answer.json());
      else if (answer.status === 401) location.assign("/sign-in?next=%2Fe-card");
      else {
        const now = Date.parse(answer.headers.get("Date"));
        if (answer.status === 403 && mine && Math.abs(now - Date.now() - ahead) > 5000) {
          // The device's clock was set meanwhile.
          ahead = now - Date.now();
          retryAt = 0;
        }
        const told = await answer.json();
        const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
        fail(told.detail?.[language] ?? card.dataset.failed);
        // The server knows better what to do than a code that is over.
        if (answer.status === 404 || answer.status === 409) retryAt = Infinity;
      }
    } catch { fail(card.dataset.failed); }
    asking = false;
  };

  const tick = () => {
    if (document.hidden || !(mine || card.dataset.bound)) return;
    const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    bar.value = left;
    text.textContent = card.dataset.left.replace("{seconds}", Math.max(0, left - FRESH_BEFORE_END));
    // What is over is not shown: nobody holds it to a scanner in vain.
    qr.classList.toggle("over", left === 0);
    if (left <= FRESH_BEFORE_END) ask();
  };

  const bind = async (event) => {
    if (!globalThis.crypto?.subtle || !globalThis.indexedDB) return;
    event.preventDefault();
    try {
      const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
      const spki = await crypto.subtle.exportKey("spki", pair.publicKey);
      // Kept before it is bound: a browser that keeps nothing is bound by its session instead.
      await inStore("readwrite", (keys) => keys.put({ device: "", key: pair.privateKey }, holder));
      const answer = await fetch("/e-card/devices", {
        method: "POST", headers: { Accept: "application/json" },
        body: new URLSearchParams({ public_key: base64url(spki) }),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const device = (await answer.json()).device;
      await inStore("readwrite", (keys) => keys.put({ device, key: pair.privateKey }, holder));
      location.reload();
    } catch { form.submit(); }
  };

  const begin = async () => {
    form?.addEventListener("submit", bind);
    try {
      const known = await inStore("readonly", (keys) => keys.get(holder));
      if (known && card.dataset.keys.split(" ").includes(known.device)) mine = known;
    } catch { mine = null; }
    if (mine || card.dataset.bound) {
      bar.hidden = false;
      // The code that came with the page is of this moment.
      until = mine ? 0 : Date.now() + Number(card.dataset.seconds) * 1000;
      if (mine) { offer.hidden = true; await ask(); }
      tick();
      setInterval(tick, 1000);
      document.addEventListener("visibilitychange", tick);
    }
  };
  begin();
})();
