// The typeahead of place fields. Everything works without it: the server resolves what was typed.
"use strict";
for (const input of document.querySelectorAll("input[data-places]")) {
  const box = input.closest(".combo");
  const list = document.createElement("ul");
  list.id = input.id + "-list";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.dataset.places);
  box.append(list);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");
  input.autocomplete = "off";
  let chosen = -1, asked = 0, timer = 0;
  const close = () => {
    list.hidden = true; chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (next) => {
    const items = list.children;
    if (!items.length) return;
    chosen = (next + items.length) % items.length;
    for (const [n, item] of [...items].entries()) item.setAttribute("aria-selected", String(n === chosen));
    input.setAttribute("aria-activedescendant", items[chosen].id);
    items[chosen].scrollIntoView({ block: "nearest" });
  };
  const take = (item) => { input.value = item.dataset.name; close(); };
  const show = (places) => {
    list.replaceChildren(...places.map((place, n) => {
      const item = document.createElement("li");
      item.id = `${list.id}-${n}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      item.dataset.name = place.name;
      item.textContent = place.name + " ";
      const small = document.createElement("small");
      small.textContent = place.code;
      item.append(small);
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(item); });
      return item;
    }));
    list.hidden = !places.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    chosen = -1;
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    const words = input.value.trim();
    if (!words) { close(); return; }
    timer = setTimeout(async () => {
      const mine = ++asked;
      try {
        const answer = await fetch(`/api/v1/regions?q=${encodeURIComponent(words)}&lang=${document.documentElement.lang.slice(0, 2)}`);
        const places = answer.ok ? await answer.json() : [];
        if (mine === asked) show(places);
      } catch { close(); }
    }, 120);
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown") { event.preventDefault(); mark(chosen + 1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); mark(chosen - 1); }
    else if (event.key === "Enter" && chosen >= 0) { event.preventDefault(); take(list.children[chosen]); }
    else if (event.key === "Escape") close();
  });
  // What is answered after the reader has gone on must not cover the next field.
  input.addEventListener("blur", () => { clearTimeout(timer); asked++; close(); });
}
document.querySelector(".errors")?.focus();

// A part that goes on by itself is fetched again; without scripts the whole page loads itself again.
setInterval(async () => {
  const live = document.querySelector("[data-live]");
  if (!live || document.hidden) return;
  try {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("#content");
    if (answer.ok && next) document.querySelector("#content").replaceWith(next);
  } catch { /* the next turn tries again */ }
}, 1500);
