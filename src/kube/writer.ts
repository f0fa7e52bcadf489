import type { KubeClient, Method } from './client.ts';
import { KubeError } from './errors.ts';
import type { KubeObject } from './object.ts';

/** The request of one write. */
export interface WriteRequest {
  readonly method: Exclude<Method, 'GET'>;
  readonly path: string;
  readonly body: object;
}

export interface FencedWriterOptions {
  readonly kube: Pick<KubeClient, 'call'>;
  readonly fieldManager: string;
  /** Throws when this process may no longer write, because another replica may lead. */
  readonly fence: () => void;
  /** Called with the error of each write that fails. */
  readonly onError: (error: unknown, request: WriteRequest) => void;
  readonly onWritten?: (request: WriteRequest) => void;
  /** When it is aborted, the writes stop waiting for their answer. */
  readonly signal?: AbortSignal;
}

/**
 * Writes that only the leader may send. The writer calls the fence before each write and again when the request goes onto the wire: the
 * process may have been frozen in between.
 */
export class FencedWriter {
  readonly #options: FencedWriterOptions;

  constructor(options: FencedWriterOptions) {
    this.#options = options;
  }

  /** The same writer, whose writes stop waiting for their answer when the signal is aborted. */
  until(signal: AbortSignal): FencedWriter {
    return new FencedWriter({ ...this.#options, signal });
  }

  /** Sends the request and returns the API server's answer. Throws a KubeError. */
  async write(request: WriteRequest): Promise<KubeObject> {
    const { kube, fieldManager, fence, onError, onWritten, signal } = this.#options;
    const { method, path, body } = request;
    fence();
    try {
      const query = method === 'DELETE' ? {} : { query: { fieldManager } };
      const answer = await kube.call<KubeObject>(method, path, { body, fence, ...query, ...(signal && { signal }) });
      onWritten?.(request);
      return answer;
    } catch (cause) {
      const error = signal?.aborted ? new KubeError('the API server did not answer in time', 0, undefined, undefined, { cause }) : cause;
      onError(error, request);
      throw error;
    }
  }
}
