import { isNotFound } from '../kube/errors.ts';
import type { FollowContext } from '../kube/follow.ts';

/** Reports no interruption for a kind that the cluster does not serve: many clusters lack it on purpose. */
export function silentWhileNotServed(context: FollowContext): FollowContext {
  return {
    ...context,
    interrupted(target, error) {
      if (!isNotFound(error)) context.interrupted(target, error);
    },
    outdated(target, isOutdated, error) {
      if (!isNotFound(error)) context.outdated(target, isOutdated, error);
    },
  };
}
