"use strict";
// Everything stands in the page already; this sorts it, opens it and says more of it.
const $ = (what, from = document) => [...from.querySelectorAll(what)];
const make = (name, text = "", kind = "") => {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = kind;
  return made;
};
const number = (text) => parseFloat(text.replace("−", "-").replaceAll(",", ""));
const own = (cell) => cell.querySelector("b,a")?.textContent ?? cell.firstChild?.textContent ?? "";

function sort(head, column) {
  const up = head.getAttribute("aria-sort") === "descending";
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const sign = up ? 1 : -1;
  for (const body of head.closest("table").tBodies) {
    const rows = $("tr:not(.group)", body).map((row) => [row, own(row.cells[column])]);
    rows.sort(([, a], [, b]) => {
      const [x, y] = [number(a), number(b)];
      if (isNaN(x) && isNaN(y)) return sign * a.localeCompare(b);
      return isNaN(x) ? 1 : isNaN(y) ? -1 : sign * (x - y);
    });
    for (const [row] of rows) body.append(row);
  }
}

for (const head of $(".sortable thead th")) {
  const button = make("button", head.textContent);
  button.type = "button";
  button.onclick = () => sort(head, head.cellIndex);
  head.replaceChildren(button);
}

// What a cell says when the pointer or the focus is on it.
const bar = document.getElementById("hover");
for (const cell of $("td[title]")) {
  cell.dataset.tip = cell.title;
  cell.removeAttribute("title");
}
// One for each seed.
const commands = (digests) => digests.split(" ").filter(Boolean).map((each) => `xadapt explain ${each}`);
function said(cell) {
  const table = cell.closest(".heat, .languages, .means"), interval = cell.querySelector("i");
  if (!table || !interval) return "";
  const [row, column] = [cell.parentNode.cells[0], table.tHead.rows[0].cells[cell.cellIndex]].map((each) => each.textContent);
  const place = table.matches(".heat") ? `${row} on ${column}` : `${column} on ${table.dataset.task}, ${row}`;
  return [`${place}: ${own(cell)} over alone, 95 % ${interval.textContent}`, cell.dataset.tip,
    ...commands(cell.querySelector("u")?.textContent ?? "")].filter(Boolean).join("; ");
}
const tell = (event) => {
  const cell = event.target.closest?.("td");
  bar.textContent = cell ? said(cell) : "";
};
document.addEventListener("mouseover", tell);
document.addEventListener("focusin", tell);

// One cell of the heat map, language by language.
const panel = document.getElementById("drill");
function languages(task, row) {
  const table = $(".languages").find((each) => each.dataset.task === task);
  const column = $("thead th", table).find((head) => head.dataset.row === row)?.cellIndex;
  return $("tbody tr", table).map((line) => {
    const [cells, cell] = [line.cells, line.cells[column]];
    return {
      language: cells[0].textContent, family: cells[1].textContent, script: cells[2].textContent, kind: cell.className,
      score: cell.firstChild?.textContent ?? "", gain: cell.querySelector("b")?.textContent ?? "",
      interval: cell.querySelector("i")?.textContent ?? "", digest: cell.querySelector("u")?.textContent ?? "",
    };
  });
}
function means(task, row, by) {
  const table = $(".means").find((each) => each.dataset.task === task && each.dataset.by === by);
  const column = table && $("thead th", table).find((head) => head.dataset.row === row)?.cellIndex;
  return new Map(table ? $("tbody tr", table).map((line) => [line.cells[0].textContent, line.cells[column]]) : []);
}
function strip(gain, widest, kind) {
  const cell = make("td", "", "strip");
  if (!isNaN(number(gain))) {
    const bar = make("span", "", kind), wide = (50 * Math.abs(number(gain))) / widest;
    bar.style.cssText = `width:${wide}%;left:${number(gain) < 0 ? 50 - wide : 50}%`;
    cell.append(bar);
  }
  return cell;
}
function drill(cell, by = "gain") {
  const table = cell.closest("table"), row = cell.parentNode.dataset.row;
  const task = table.tHead.rows[0].cells[cell.cellIndex].dataset.task;
  const found = languages(task, row).sort((a, b) => (number(b.gain) || 0) - (number(a.gain) || 0));
  const widest = Math.max(1, ...found.map((each) => Math.abs(number(each.gain)) || 0));
  const list = make("table", "", "drawn"), body = make("tbody");
  list.innerHTML = "<thead><tr><th>language<th>family<th>script<th>score<th>gain<th>95 %<th>gain, drawn<th>made by</thead>";
  const groups = by === "gain" ? [["", found]] : [...Map.groupBy(found, (each) => each[by])].sort();
  const group = by === "gain" ? new Map() : means(task, row, by);
  for (const [name, members] of groups) {
    if (name) {
      const line = make("tr", "", "group"), mean = group.get(name);
      const english = mean && members.some((each) => each.language.endsWith("(en)"));
      const head = make("th", `${name}: ${members.length}${english ? ", mean without English" : ""}`);
      head.colSpan = 4;
      line.append(head, make("td", mean ? own(mean) : ""), make("td", mean?.querySelector("i")?.textContent ?? ""), make("td"), make("td"));
      body.append(line);
    }
    for (const each of members) {
      const line = make("tr"), made = make("td");
      made.append(...commands(each.digest).map((command) => make("u", command)));
      line.append(make("th", each.language), ...["family", "script", "score"].map((key) => make("td", each[key])),
        make("td", each.gain, each.kind), make("td", each.interval), strip(each.gain, widest, each.kind), made);
      body.append(line);
    }
  }
  list.append(body);
  const title = make("h3", `${cell.parentNode.cells[0].textContent} on ${task}, by language`);
  const label = make("label", "grouped by "), choice = make("select"), close = make("button", "close");
  for (const name of ["gain", "family", "script"]) choice.add(new Option(name === "gain" ? "nothing" : name, name, false, name === by));
  choice.onchange = () => { drill(cell, choice.value); $("select", panel)[0].focus(); };
  close.onclick = () => { panel.hidden = true; $("a", cell)[0].focus(); };
  label.append(choice);
  const wide = make("div", "", "wide");
  wide.append(list);
  panel.replaceChildren(title, label, close, wide);
  panel.hidden = false;
}
for (const link of $(".heat td a")) {
  link.onclick = (event) => {
    event.preventDefault();
    link.closest("div").after(panel);
    drill(link.closest("td"));
    panel.scrollIntoView({ block: "nearest" });
  };
}

const open = () => {
  const there = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (there?.matches("details")) there.open = true;
};
addEventListener("hashchange", open);
open();
addEventListener("beforeprint", () => { for (const each of $("details")) each.open = true; });
