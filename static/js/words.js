// Numbers, durations and typography as the French write them, the same as the server's.

/** @type {[string, number][]} */
const UNITS = [["Go", 1e9], ["Mo", 1e6], ["ko", 1e3]];

const decimal = (value) => value.toLocaleString("fr-FR", { maximumFractionDigits: 1 });

export function size(bytes) {
  for (const [unit, scale] of UNITS) {
    if (bytes >= scale) return `${decimal(bytes / scale)} ${unit}`;
  }
  return bytes < 2 ? `${bytes} octet` : `${bytes} octets`;
}

export function duration(seconds) {
  if (seconds > 0 && seconds < 1) return "moins de 1 s";
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  return minutes ? `${minutes} min ${String(whole % 60).padStart(2, "0")} s` : `${whole} s`;
}

/** Without lookbehind, which Safari before 16.4 takes for an error of the whole script. @type {[RegExp, string][]} */
const UNBREAKABLE = [
  [/(^|\S) (?=[;!?](?![\p{L}\p{N}_]))/gu, "$1\u202f"],
  [/(^|\S) (?=:(?:\s|$)|»)/gu, "$1\u00a0"],
  [/« (?=\S|$)/gu, "«\u00a0"],
  [/n° (?=\d)/gu, "n°\u00a0"],
  [/(\d) (?=(?:%|Go|Mo|ko|Gio|Mio|Kio|octets?|h|min|s|ms|\d\d\d?)(?![\p{L}\p{N}_]))/gu, "$1\u00a0"],
];

/** The spaces that French puts before : ; ! ? », after « and before a unit, made unbreakable. */
export function typeset(text) {
  return UNBREAKABLE.reduce((words, [spaces, unbreakable]) => words.replace(spaces, unbreakable), text);
}
