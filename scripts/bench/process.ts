import { readFileSync } from 'node:fs';

/** Clock ticks per second, the same on every Linux (getconf CLK_TCK). */
const TICKS = 100;

/** The CPU time that a process has used, in milliseconds. */
export function cpuMsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
}

/** The memory of a process in MiB: the peak (VmHWM), now (VmRSS), or now with shared pages counted in parts (Pss). */
export function memoryOf(pid: number, field: 'VmHWM' | 'VmRSS' | 'Pss'): number {
  const [, kib] =
    new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/${field === 'Pss' ? 'smaps_rollup' : 'status'}`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

export const median = (values: readonly number[]) => percentile(values, 50);

export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN;
}
