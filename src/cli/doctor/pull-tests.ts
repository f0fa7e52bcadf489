/** What `--pull` asks: the registries of a pod's images, with the matching entries. */
import { parseImage } from '../../plan/matching/image.ts';
import { type AskSettings, askRegistry } from './ask-registry.ts';
import { formatUsername, matchesFor } from './entries.ts';
import type { Pod, PullTest, Surroundings } from './observed.ts';

/** By image as written. */
export async function testPulls(pod: Pod, surroundings: Surroundings, settings: AskSettings): Promise<Map<string, readonly PullTest[]>> {
  const images = [...new Set(pod.containers.map(({ image }) => image))];
  return new Map(await Promise.all(images.map(async (image) => [image, await testPull(image, pod, surroundings, settings)] as const)));
}

/** Asks the registry of one image with the matching entries, one after the other until it accepts one, as the kubelet does. */
async function testPull(written: string, pod: Pod, surroundings: Surroundings, settings: AskSettings): Promise<readonly PullTest[]> {
  const image = parseImage(written);
  if (image === undefined) return [];
  const { entries, isRefused, isIncomplete } = matchesFor(image, pod, surroundings);
  // A request without credentials would not be the one that the kubelet makes.
  if (isRefused || (isIncomplete && entries.length === 0)) return [];
  if (entries.length === 0) return [{ as: undefined, answer: await askRegistry(image, undefined, settings) }];
  const checks: PullTest[] = [];
  for (const [server, { secret, auth }] of entries) {
    if (auth === undefined || checks.at(-1)?.answer.ok) continue;
    checks.push({ as: { username: formatUsername(auth), secret: secret.name, server }, answer: await askRegistry(image, auth, settings) });
  }
  return checks;
}
