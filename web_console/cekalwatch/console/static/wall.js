/* A screen that people have before their eyes: the number of open alerts in the tab's title, a sound and a notification
   for a new alert, coarse pictures that are asked for only while the page is looked at, and full screen. */
"use strict";
(() => {
  const RENEWED_MS = 10000;
  const title = document.title;
  let known = null, sound = null, notifies = false;

  const ring = () => {
    for (const [at, pitch] of [[0, 880], [0.2, 660], [0.4, 880]]) {
      const tone = sound.createOscillator(), volume = sound.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.3, sound.currentTime + at);
      volume.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + at + 0.18);
      tone.connect(volume).connect(sound.destination);
      tone.start(sound.currentTime + at);
      tone.stop(sound.currentTime + at + 0.2);
    }
  };

  const tell = (place, words) => {
    // The system keeps notifications: they name the counter, and nobody.
    const notice = new Notification(words, { body: place });
    notice.onclick = () => window.focus();
  };

  const look = () => {
    const state = document.querySelector("[data-open]");
    if (!state) return;
    document.title = state.dataset.open === "0" ? title : `(${state.dataset.open}) ${title}`;
    const alerts = [...document.querySelectorAll("[data-alert]")];
    const news = known ? alerts.filter((one) => !known.has(one.dataset.alert)) : [];
    known = new Set(alerts.map((one) => one.dataset.alert));
    if (news.length && sound) ring();
    if (notifies) news.forEach((one) => tell(one.dataset.place, state.dataset.news));
  };

  const renew = () => {
    if (document.visibilityState !== "visible") return;
    for (const view of document.querySelectorAll("[data-view]")) {
      const box = view.getBoundingClientRect();
      if (box.bottom < 0 || box.top > innerHeight) continue;
      view.onload = () => { view.alt = view.dataset.shows; view.classList.add("seen"); };
      view.onerror = () => { view.removeAttribute("src"); view.alt = ""; view.classList.remove("seen"); };
      view.src = `${view.dataset.view}?${Date.now()}`;
    }
  };

  const press = (button, on) => button.setAttribute("aria-pressed", String(on));

  const does = {
    screen: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
    sound: (button) => {
      sound = sound ? null : new AudioContext();
      if (sound) ring();
      press(button, Boolean(sound));
    },
    notify: async (button) => {
      notifies = !notifies && (await Notification.requestPermission()) === "granted";
      press(button, notifies);
    },
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-wall]")) {
      button.hidden = button.dataset.wall === "notify" && !("Notification" in window);
      button.addEventListener("click", () => does[button.dataset.wall](button));
    }
    look();
    renew();
    setInterval(renew, RENEWED_MS);
  });
  document.addEventListener("htmx:afterSwap", look);
})();
