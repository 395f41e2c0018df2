// Sends the chosen files one after the other and tells what became of each; without this script the form sends all at once.
const form = document.getElementById("upload");
const list = document.getElementById("progress");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const files = [...form.elements.files.files];
  const button = form.querySelector("button");
  button.disabled = true;
  list.replaceChildren();
  let taken = 0;
  for (const [index, file] of files.entries()) {
    const item = document.createElement("li");
    const told = document.createElement("span");
    item.append(`${index + 1}/${files.length} ${file.name}: `, told);
    told.textContent = form.dataset.waiting;
    list.append(item);
    const body = new FormData();
    body.append("files", file);
    try {
      const reply = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      const [result] = await reply.json();
      told.textContent = result.text;
      item.classList.toggle("bad", result.outcome === "failed");
      if (result.report) {
        const link = document.createElement("a");
        link.href = `/reports/${result.report}`;
        link.textContent = "→";
        link.setAttribute("aria-label", file.name);
        item.append(" ", link);
        taken += 1;
      }
    } catch (error) {
      told.textContent = String(error);
      item.classList.add("bad");
    }
  }
  button.disabled = false;
  if (taken === files.length && taken) form.reset();
});
