// A click on a head sorts its table: numbers from large to small first, words from a to z; what is missing stays last.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, row = head.parentElement, place = head.cellIndex;
    const body = head.closest("table").tBodies[0], numbers = head.classList.contains("n");
    const before = head.getAttribute("aria-sort");
    const down = before ? before === "ascending" : numbers;
    for (const other of row.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = ({ cells }) => cells[place].dataset.key ?? cells[place].textContent;
    const compare = (a, b) => numbers ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
    const lines = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      return down ? compare(y, x) : compare(x, y);
    });
    body.append(...lines);
  });
}
// A link to a run opens it.
const open = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target && target.tagName === "DETAILS") { target.hidden = false; target.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", open);
open();
// On paper every run is open.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
