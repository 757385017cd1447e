// Sorts a table by the column whose heading is clicked; a second click turns the order around.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const sort = (column) => {
    const heading = headings[column];
    const descending = heading.ariaSort ? heading.ariaSort === "ascending" : heading.classList.contains("n");
    for (const other of headings) other.removeAttribute("aria-sort");
    heading.ariaSort = descending ? "descending" : "ascending";
    const rows = [...table.tBodies[0].rows];
    rows.sort((first, second) => {
      const [a, b] = [value(first, column), value(second, column)];
      if (a === "" || b === "") return (a === "") - (b === "");  // what is unknown stays at the end
      const order = isNaN(a) || isNaN(b) ? a.localeCompare(b, "en", { numeric: true }) : a - b;
      return descending ? -order : order;
    });
    table.tBodies[0].append(...rows);
  };
  headings.forEach((heading, column) => heading.querySelector("button")?.addEventListener("click", () => sort(column)));
}
