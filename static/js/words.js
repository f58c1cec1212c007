// Numbers and durations as the French write them, the same as the server's.

const decimal = (value) => value.toLocaleString("fr-FR", { maximumFractionDigits: 1 });

export function size(bytes) {
  for (const [unit, scale] of [["Go", 1e9], ["Mo", 1e6], ["ko", 1e3]]) {
    if (bytes >= scale) return `${decimal(bytes / scale)} ${unit}`;
  }
  return `${bytes} octets`;
}

export function duration(seconds) {
  if (seconds > 0 && seconds < 1) return "moins de 1 s";
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  return minutes ? `${minutes} min ${String(whole % 60).padStart(2, "0")} s` : `${whole} s`;
}
