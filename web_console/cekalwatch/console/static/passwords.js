/* Shows what is typed into the passwords of a form, on request. It is hidden again before the form is sent, so that
   browsers do not take it for a text to remember. */
"use strict";
(() => {
  for (const choice of document.querySelectorAll("[data-shows-passwords][hidden]")) {
    const box = choice.querySelector("input"), form = choice.closest("form");
    const fields = [...form.querySelectorAll("input[type=password]")];
    const show = (shown) => { for (const field of fields) field.type = shown ? "text" : "password"; };
    box.addEventListener("change", () => show(box.checked));
    form.addEventListener("submit", () => { box.checked = false; show(false); });
    choice.hidden = false;
  }
})();
