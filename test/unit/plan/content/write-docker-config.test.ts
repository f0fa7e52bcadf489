import { expect } from 'chai';
import fc from 'fast-check';
import { DOCKER_HUB } from '../../../../src/plan/content/server.ts';
import { writeDockerConfig } from '../../../../src/plan/content/write-docker-config.ts';
import { AUTH, PAIR, PASSWORD } from './reading.ts';

describe('A written docker config', () => {
  it('has sorted keys, whatever the names of the servers', () => {
    const email = 'robot@example.com';
    const written = writeDockerConfig(
      new Map([
        ['__proto__', AUTH],
        ['9', { ...AUTH, email }],
        ['10', AUTH],
        ['ghcr.io', AUTH],
      ]),
    );
    const plain = `{"auth":"${PAIR}","password":"${PASSWORD}","username":"robot"}`;
    const withEmail = `{"auth":"${PAIR}","email":"${email}","password":"${PASSWORD}","username":"robot"}`;
    expect(written).to.equal(`{"auths":{"10":${plain},"9":${withEmail},"__proto__":${plain},"ghcr.io":${plain}}}`);
  });

  it('has Docker Hub under its host too, if another entry would hide it from the kubelet', () => {
    const servers = (...others: string[]) =>
      Object.keys(JSON.parse(writeDockerConfig(new Map([DOCKER_HUB, ...others].map((server) => [server, AUTH])))).auths);
    for (const other of ['docker.io/acme', '*.io', 'd*.i*/library'])
      expect(servers(other)).to.have.members([DOCKER_HUB, 'docker.io', other]);
    for (const other of ['ghcr.io', '*.example.com', '*.docker.io', '*.io:443'])
      expect(servers(other)).to.have.members([DOCKER_HUB, other]);
  });

  it('has the same bytes for any order of its entries', () => {
    const entry = fc.tuple(fc.oneof(fc.string(), fc.constantFrom('1', '02', '__proto__', 'constructor')), fc.constant(AUTH));
    const entries = fc.uniqueArray(entry, { selector: ([server]) => server });
    const shuffled = entries.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        expect(writeDockerConfig(new Map(other))).to.equal(writeDockerConfig(new Map(one)));
      }),
    );
  });
});
