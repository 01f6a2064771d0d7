import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createSocketServer } from 'node:net';
import { url } from './browser';

/** Serves a page of somebody else's, on another host than Tandem's, whose policy allows what docs/widget.md says and nothing more. */
export function serveSite(): Promise<{ origin: string; close: () => void }> {
  const server: Server = createServer((_, answer) => {
    answer.setHeader('Content-Type', 'text/html; charset=utf-8');
    answer.setHeader('Content-Security-Policy', `default-src 'none'; script-src ${url}; frame-src ${url}`);
    answer.end(`<!doctype html><html lang="en"><head><title>Shop</title><meta name="viewport" content="width=device-width">
      <script async src="${url}/widget.js?account=demo"></script></head><body><h1>Tents</h1></body></html>`);
  });
  return new Promise((done) =>
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      done({ origin: `http://localhost:${port}`, close: () => server.close() });
    }),
  );
}

/** A mail server that keeps what it is given; scripts/with-server.sh has told Tandem its port. */
export function serveMail(): Promise<{ mails: string[]; close: () => void }> {
  const mails: string[] = [];
  const server = createSocketServer((socket) => {
    let mail: string | null = null;
    let rest = '';
    socket.write('220 sink\r\n');
    socket.on('data', (data) => {
      const lines = (rest + data).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (mail === null) {
          if (line === 'DATA') mail = '';
          socket.write(line === 'DATA' ? '354 go on\r\n' : line === 'QUIT' ? '221 bye\r\n' : '250 ok\r\n');
        } else if (line === '.') {
          mails.push(mail);
          mail = null;
          socket.write('250 taken\r\n');
        } else mail += `${line}\n`;
      }
    });
  });
  return new Promise((done) =>
    server.listen(Number(process.env.TANDEM_MAIL), '127.0.0.1', () => done({ mails, close: () => server.close() })),
  );
}
