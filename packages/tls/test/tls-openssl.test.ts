import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { tlsSession } from '@pea2pea/tls';
import { authority, fingerprintOf } from '@pea2pea/testing/certificates';
import { freePort, until } from '@pea2pea/testing';
import { mine, party, theirs, trusted } from './tls-lab.js';

const { ca } = trusted;
const version = spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout as string | null;
/** LibreSSL answers to the name, too, and knows other options. */
const isOpenssl = version?.startsWith('OpenSSL ') === true;
const describeWithOpenssl = isOpenssl ? describe : describe.skip;
if (!isOpenssl) console.warn('there is no openssl: the tests of TLS against it are skipped');

const folder = mkdtempSync(join(tmpdir(), 'pea2pea-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const caFile = file('ca.pem', ca);
const certificateOf = (name: string, { key, cert }: typeof mine): string[] => {
  return ['-key', file(`${name}-key.pem`, key), '-cert', file(`${name}-cert.pem`, cert)];
};
const theirFiles = certificateOf('theirs', theirs);

interface Openssl {
  readonly process: ChildProcessWithoutNullStreams;
  output: string;
  exitCode: number | undefined;
  say(line: string): void;
}

const running = new Set<Openssl>();
afterEach(() => {
  for (const { process } of running) process.kill('SIGKILL');
  running.clear();
});

function openssl(...args: string[]): Openssl {
  const child = spawn('openssl', args, { stdio: 'pipe' });
  const started: Openssl = {
    process: child,
    output: '',
    exitCode: undefined,
    say: (line) => void child.stdin.write(`${line}\n`),
  };
  child.stdout.on('data', (chunk: Buffer) => (started.output += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (started.output += String(chunk)));
  child.stdin.on('error', () => {});
  child.on('close', (code) => (started.exitCode = code ?? -1));
  running.add(started);
  return started;
}

describeWithOpenssl('openssl s_client dials us', () => {
  const names = { '*.example.org': mine };

  it.each(['-tls1_3', '-tls1_2'])(
    '%s: mutual authentication, SNI, ALPN, and data both ways',
    async (flag) => {
      const other = await trusted.issue({ commonName: 'default', names: ['default.example'] });
      await using server = await party({
        tls: {
          ...other,
          contexts: names,
          ca,
          requestCert: true,
          minVersion: 'TLSv1.2',
          ALPNProtocols: ['chat/2', 'chat/1'],
        },
      });
      const client = openssl(
        ...[
          's_client',
          '-connect',
          server.address.toString(),
          '-CAfile',
          caFile,
          '-verify_return_error',
          flag,
        ],
        ...['-servername', 'a.example.org', '-alpn', 'chat/1,chat/2', ...theirFiles],
      );
      await until(() => server.opened.length === 1);
      const [connection] = server.opened;
      expect(connection!.context.get(tlsSession)).toMatchObject({
        protocol: flag === '-tls1_3' ? 'TLSv1.3' : 'TLSv1.2',
        alpnProtocol: 'chat/2',
        servername: 'a.example.org',
        authorized: true,
        peerCertificate: { subject: 'CN=theirs' },
      });
      expect(connection!.identity).toBe(fingerprintOf(theirs));
      client.say('echo from openssl');
      await until(() => client.output.includes('ECHO FROM OPENSSL'));
      expect(client.output).toContain('CN = mine');
      expect(client.output).toContain('ALPN protocol: chat/2');
      expect(client.output).toContain('Verify return code: 0 (ok)');
      await connection!.send('x'.repeat(300_000));
      await until(() => client.output.includes('x'.repeat(300_000)));
      client.process.stdin.end();
      await until(() => server.reasons.length === 1 && client.exitCode !== undefined);
      expect(server.reasons).toEqual([{ origin: 'reading', cause: 'ended' }]);
    },
  );

  it('without a certificate where one is asked for: it is told why', async () => {
    await using server = await party({ tls: { ...mine, ca, requestCert: true } });
    const client = openssl('s_client', '-connect', server.address.toString(), '-CAfile', caFile, '-tls1_3');
    await until(() => server.refusals().length === 1 && client.exitCode !== undefined);
    expect(server.refusals()[0]!.fields).toMatchObject({ code: 'P2P_ERR_HANDSHAKE_REJECTED' });
    expect(client.output).toMatch(/certificate required/);
  });

  it.each(['-tls1_3', '-tls1_2'])(
    '%s: who comes back with a session makes a full handshake',
    async (flag) => {
      await using server = await party({ tls: { ...mine, minVersion: 'TLSv1.2' } });
      const session = join(folder, `session${flag}`);
      for (const option of ['-sess_out', '-sess_in']) {
        const client = openssl(
          ...['s_client', '-connect', server.address.toString(), '-CAfile', caFile, flag, option, session],
        );
        client.say('echo once more');
        await until(() => client.output.includes('ECHO ONCE MORE'));
        client.process.stdin.end();
        await until(() => client.exitCode !== undefined);
        if (option === '-sess_out') expect(readFileSync(session, 'utf8')).toContain('SSL SESSION');
        expect(client.output).toMatch(/^New, TLS/m);
        expect(client.output).not.toMatch(/^Reused, TLS/m);
      }
    },
  );

  it('and asks for renegotiation (TLS 1.2): it is not granted', async () => {
    await using server = await party({ tls: { ...mine, minVersion: 'TLSv1.2' } });
    const client = openssl(
      ...[
        's_client',
        '-connect',
        server.address.toString(),
        '-CAfile',
        caFile,
        '-tls1_2',
        '-legacy_renegotiation',
      ],
    );
    client.say('echo before');
    await until(() => client.output.includes('ECHO BEFORE'));
    client.say('R'); // alone on a line: renegotiate
    await until(() => server.reasons.length === 1 && client.exitCode !== undefined);
    expect(client.output).toContain('RENEGOTIATING');
    expect(client.output).toMatch(/no renegotiation/);
  });
});

describeWithOpenssl('we dial openssl s_server', () => {
  /** It answers each line turned round. */
  async function server(...args: string[]) {
    const port = await freePort();
    const started = openssl('s_server', '-accept', `127.0.0.1:${port}`, ...theirFiles, '-rev', ...args);
    await until(() => started.output.includes('ACCEPT'));
    return { started, address: { host: '127.0.0.1', port } };
  }

  it.each(['-tls1_3', '-tls1_2'])('%s: mutual authentication, ALPN, and data both ways', async (flag) => {
    const { address } = await server(
      ...[flag, '-Verify', '2', '-verify_return_error', '-CAfile', caFile, '-alpn', 'chat/1'],
    );
    await using client = await party({
      tls: { ...mine, ca, ALPNProtocols: ['chat/2', 'chat/1'], minVersion: 'TLSv1.2' },
    });
    const connection = await client.node.connect(address);
    expect(connection.context.get(tlsSession)).toMatchObject({
      protocol: flag === '-tls1_3' ? 'TLSv1.3' : 'TLSv1.2',
      alpnProtocol: 'chat/1',
      authorized: true,
      peerCertificate: { subject: 'CN=theirs' },
    });
    const text = `${'abc'.repeat(4_000)}d`; // what s_server turns round at once has to fit into its buffer
    await connection.send(text);
    await until(() => client.messages.length > 0);
    expect(client.messages[0]).toBe([...text].reverse().join(''));
    await connection.disconnect();
  });

  it('it chooses its certificate by the name that we send', async () => {
    const named = await trusted.issue({ commonName: 'by name', names: ['b.example.org'] });
    const [, key2 = '', , cert2 = ''] = certificateOf('named', named);
    const { address } = await server('-servername', 'b.example.org', '-key2', key2, '-cert2', cert2);
    await using client = await party({ tls: { ...mine, ca, servername: 'b.example.org' } });
    const connection = await client.node.connect(address);
    expect(connection.context.get(tlsSession)).toMatchObject({ peerCertificate: { subject: 'CN=by name' } });
  });

  it('which does not take our certificate: the connection ends at once, and tells why', async () => {
    const { address } = await server('-tls1_3', '-Verify', '2', '-verify_return_error', '-CAfile', caFile);
    const stranger = await (await authority('stranger')).issue();
    await using client = await party({ tls: { ...stranger, ca } });
    const connection = await client.node.connect(address);
    const reason = await connection.closed;
    expect(reason).toMatchObject({ origin: 'reading', cause: 'stream-error' });
    expect(String((reason as { error?: unknown }).error)).toContain('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA');
  });

  it('which has a certificate of an authority that we do not trust: refused', async () => {
    const { address, started } = await server('-tls1_3');
    const stranger = await authority('stranger');
    await using client = await party({ tls: { ...mine, ca: stranger.ca } });
    await expect(client.node.connect(address)).rejects.toMatchObject({
      code: 'P2P_ERR_HANDSHAKE_REJECTED',
      cause: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
    });
    expect(started.exitCode).toBeUndefined();
  });
});
