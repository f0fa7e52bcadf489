/**
 * The level of the log while the operator runs: a file says it, for example a mounted ConfigMap. docs/operations.md says why it is a file
 * and not a signal.
 */
import { readFile } from 'node:fs/promises';
import { LOG_LEVELS, type Log, type LogLevel } from './log.ts';

/** The kubelet itself takes up to a minute to change a mounted ConfigMap. */
const INTERVAL_MS = 2000;

/** Sets the level as the file says, from now on until the process ends. While the file does not exist or is empty, `configured` counts. */
export function followLevelFile(
  log: Log & { level: string },
  configured: LogLevel,
  file: string,
  intervalMs = INTERVAL_MS,
  read = (path: string) => readFile(path, 'utf8'),
): void {
  let ignored: string | undefined;
  const look = async () => {
    const text = await read(file).catch(() => '');
    const level = levelIn(text) ?? configured;
    const invalid = levelIn(text) === undefined && text.trim() !== '' ? text : undefined;
    if (invalid !== undefined && invalid !== ignored) {
      log.warn(`The file of the log level does not hold one of ${LOG_LEVELS.join(', ')}; ignoring it.`, { file });
    }
    ignored = invalid;
    if (level !== log.level) changeLevel(log, level);
    // Only after this read: of two reads at once, the older one could end last and set the old level.
    setTimeout(() => void look(), intervalMs).unref();
  };
  void look();
}

const levelIn = (text: string): LogLevel | undefined => LOG_LEVELS.find((level) => level === text.trim());

function changeLevel(log: Log & { level: string }, level: LogLevel): void {
  const was = log.level;
  // Between the two levels, the more talkative one writes the line.
  const isQuieter = LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(was as LogLevel);
  if (!isQuieter) log.level = level;
  log.info('The level of the log changed.', { level, was });
  log.level = level;
}
