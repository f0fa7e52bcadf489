import type { Dispatcher } from 'undici';

/**
 * Calls `fence` at the moment when a request goes onto the wire. `fence` throws if this process may no longer write. The request may have
 * waited for a connection, or the process may have been frozen, so another replica may lead now.
 */
export const fencedAtTheWire =
  (fence: () => void): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) =>
    dispatch(options, {
      onRequestStart: (...start) => {
        fence();
        handler.onRequestStart?.(...start);
      },
      onResponseStart: (...head) => handler.onResponseStart?.(...head),
      onResponseData: (...data) => handler.onResponseData?.(...data),
      onResponseEnd: (...end) => handler.onResponseEnd?.(...end),
      onResponseError: (...error) => handler.onResponseError?.(...error),
    });
