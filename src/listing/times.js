for (const time of document.querySelectorAll(".entries time")) {
  const at = new Date(time.dateTime);
  const two = (number) => String(number).padStart(2, "0");
  time.title = time.textContent + " UTC";
  time.textContent = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-")
    + " " + two(at.getHours()) + ":" + two(at.getMinutes());
}
for (const zone of document.querySelectorAll(".zone")) zone.textContent = "local time";
