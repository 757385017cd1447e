// Keys for reading one document after another. Every key does what a link or a button on the page does.
"use strict";
(() => {
  const follow = (selector) => document.querySelector(selector)?.click();
  const move = (step) => {
    const items = [...document.querySelectorAll("[data-list] a.opening")];
    if (!items.length) return false;
    const at = items.indexOf(document.activeElement);
    const next = items[at < 0 && step < 0 ? 0 : Math.min(items.length - 1, Math.max(0, at + step))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  };
  const nextView = () => {
    const views = [...document.querySelectorAll("[data-view]")];
    const at = views.findIndex((view) => view.classList.contains("current"));
    views[(at + 1) % views.length]?.click();
  };
  const keys = {
    j: () => move(1) || follow('a[rel="next"]'),
    k: () => move(-1) || follow('a[rel="prev"]'),
    ArrowRight: () => follow('a[rel="next"]'),
    ArrowLeft: () => follow('a[rel="prev"]'),
    n: () => document.querySelector("[data-note]")?.focus(),
    v: nextView,
  };
  let judged = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (button) {
      // A key that is held down repeats; one judgement is enough.
      if (!judged && !event.repeat) button.click();
      judged = true;
    } else if (Object.hasOwn(keys, event.key)) {
      keys[event.key]();
    } else {
      return;
    }
    event.preventDefault();
  });
  // A page that the back button brings up again may be judged again.
  window.addEventListener("pageshow", () => (judged = false));
})();
