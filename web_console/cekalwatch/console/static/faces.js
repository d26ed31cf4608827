/* Small faces in lists. Those in sight are asked for together: the audit trail has one entry for what a person saw at
   once. They stay in this page's memory for as long as they are on it, so that a renewal of the page is no new view. */
"use strict";
(() => {
  const MOST = 20, PATIENCE_MS = 200;
  const shown = new Map();
  let waiting = [], timer = 0;

  const nameOf = (place) => [place.dataset.faces, place.dataset.of, place.dataset.version].join(" ");

  const show = (place) => place.replaceChildren(...shown.get(nameOf(place)).map((source) => {
    const picture = document.createElement("img");
    picture.alt = "";
    picture.src = source;
    return picture;
  }));

  const ask = async (path, places) => {
    const query = new URLSearchParams(places.map((place) => ["of", place.dataset.of]));
    const answer = await fetch(`${path}?${query}`);
    if (!answer.ok) return;
    const faces = await answer.json();
    for (const place of places) {
      shown.set(nameOf(place), faces[place.dataset.of] || []);
      document.querySelectorAll("[data-faces]").forEach((one) => nameOf(one) === nameOf(place) && show(one));
    }
  };

  const askAll = () => {
    const wanted = waiting.filter((place) => place.isConnected && !shown.has(nameOf(place)));
    waiting = [];
    for (const path of new Set(wanted.map((place) => place.dataset.faces))) {
      const places = wanted.filter((place) => place.dataset.faces === path);
      while (places.length) ask(path, places.splice(0, MOST)).catch(() => {});
    }
  };

  const sight = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      sight.unobserve(entry.target);
      waiting.push(entry.target);
    }
    clearTimeout(timer);
    timer = setTimeout(askAll, PATIENCE_MS);
  });

  const look = () => {
    const places = [...document.querySelectorAll("[data-faces]")];
    const names = new Set(places.map(nameOf));
    for (const name of shown.keys()) if (!names.has(name)) shown.delete(name);
    for (const place of places) {
      if (shown.has(nameOf(place))) show(place);
      else sight.observe(place);
    }
  };

  document.addEventListener("DOMContentLoaded", look);
  document.addEventListener("htmx:afterSwap", look);
})();
