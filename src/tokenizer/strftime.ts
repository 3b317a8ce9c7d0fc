const months = "January February March April May June July August September October November December".split(
  " ",
);
const days = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

const two = (value: number): string => String(value).padStart(2, "0");

/** The directives of C's strftime that chat templates use, in the C locale, whose names are English. */
const directives: Readonly<Record<string, (date: Date) => string>> = {
  "%": () => "%",
  A: (date) => days[date.getDay()]!,
  a: (date) => days[date.getDay()]!.slice(0, 3),
  B: (date) => months[date.getMonth()]!,
  b: (date) => months[date.getMonth()]!.slice(0, 3),
  d: (date) => two(date.getDate()),
  H: (date) => two(date.getHours()),
  I: (date) => two(date.getHours() % 12 || 12),
  M: (date) => two(date.getMinutes()),
  m: (date) => two(date.getMonth() + 1),
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  S: (date) => two(date.getSeconds()),
  Y: (date) => String(date.getFullYear()),
  y: (date) => two(date.getFullYear() % 100),
};

/** `date` in local time as Python's `strftime` writes it. Throws a plain error for a directive that is not known. */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(.)/gsu, (whole, letter: string) => {
    const write = directives[letter];
    if (write === undefined) throw new Error(`strftime_now: expected a known directive, got ${whole}`);
    return write(date);
  });
}
