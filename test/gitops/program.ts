import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { ended } from '../support/controlplane.ts';

/** A program of others that runs until it is stopped. */
export interface Program {
  /** Throws if the program has ended. */
  check(): void;
  stop(): Promise<unknown>;
}

/** Starts a program. Its output goes to a file. */
export function startProgram(path: string, args: readonly string[], env: NodeJS.ProcessEnv, logFile: string): Program {
  const log = openSync(logFile, 'a');
  const child = spawn(path, args, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', log, log] });
  closeSync(log);
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  return {
    check: () => {
      if (failure) throw failure;
      if (child.exitCode !== null)
        throw new Error(`${path} ended with code ${child.exitCode}:\n${readFileSync(logFile, 'utf8').slice(-2000)}`);
    },
    stop: () => ended(child).finally(() => process.off('exit', kill)),
  };
}

/** Ports that nobody uses now. The programs cannot choose them. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
