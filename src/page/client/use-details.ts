import { useEffect, useState } from 'preact/hooks';
import type { Details } from '../messages.ts';

export type DetailsRead =
  | { readonly state: 'reading' }
  | { readonly state: 'read'; readonly details: Details }
  | { readonly state: 'failed'; readonly why: string };

/** Several changes in a row are one reason to read again. */
const SETTLE_MS = 150;

/** The details of a namespace. Reads again when its version changes, and shows the earlier ones until then. */
export function useDetails(name: string, version: number, read: (name: string) => Promise<Details | undefined>): DetailsRead {
  const [found, setFound] = useState<DetailsRead>({ state: 'reading' });
  useEffect(() => {
    let isOld = false;
    const timer = setTimeout(
      () =>
        read(name).then(
          (details) =>
            isOld ||
            setFound(
              details ? { state: 'read', details } : { state: 'failed', why: 'There is no such namespace, or it is not in this report.' },
            ),
          () => isOld || setFound((before) => (before.state === 'read' ? before : { state: 'failed', why: 'The program did not answer.' })),
        ),
      found.state === 'reading' ? 0 : SETTLE_MS,
    );
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [name, version]);
  return found;
}
