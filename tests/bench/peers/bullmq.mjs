// The BullMQ side of `tools/bench peers`: one worker process, or the producer.
//
//   node bullmq.mjs worker|producer CONFIG.json
//
// Lines of JSON on stdout: {"ready":true}, then while it works
//   producer  {"started_ms","added"}     worker  {"sent","last_ms"}
// times being milliseconds since 1970 with fractions. The producer begins at each SIGUSR2 with the
// next of its `recipients` files. A request that is not answered 200 ends the process: nothing may
// go wrong in this bench. How it is tuned, and why: ../peers.py.

import { readFileSync } from 'node:fs';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { Pool } from 'undici';

const [role, configPath] = process.argv.slice(2);
const config = JSON.parse(readFileSync(configPath, 'utf8'));
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const nowMs = () => performance.timeOrigin + performance.now();

function redis() {
  return new Redis({ path: config.redis, maxRetriesPerRequest: null });
}

// The morning's template as a plain function: [the text, the provider's template, its parameters].
// A template engine would only be slower.
function render([, , nama, resi, status, lokasi, estimasi, alasan, baru]) {
  if (status === 'Delivered') {
    return [`Halo ${nama}, paket ${resi} sudah diterima di ${lokasi}. Terima kasih! 🙏`,
      'paket_terkirim', [nama, resi, lokasi]];
  }
  if (status === 'Delayed') {
    return [`Halo ${nama}, paket ${resi} tertunda: ${alasan}. Perkiraan baru: ${baru}.`,
      'paket_tertunda', [nama, resi, alasan, baru]];
  }
  const tiba = estimasi || 'segera';
  return [`Halo ${nama}, paket ${resi} berstatus ${status} di ${lokasi}. Perkiraan tiba: ${tiba}. `
      + 'Apakah Anda di rumah? Balas YA atau TIDAK.',
    'paket_dalam_perjalanan', [nama, resi, status, lokasi, tiba]];
}

function body(id, to, name, parameters) {
  return JSON.stringify({
    messaging_product: 'whatsapp', recipient_type: 'individual', to, type: 'template',
    template: {
      name, language: { code: 'id' },
      components: [{ type: 'body', parameters: parameters.map((text) => ({ type: 'text', text })) }],
    },
    biz_opaque_callback_data: `${id}.1`,
  });
}

// Sends one body; resolves to the provider's id. Not pool.request(): its stream a response costs
// more than the request.
function sender() {
  const pool = new Pool(config.provider, { connections: config.concurrency, pipelining: 1 });
  const path = `/v23.0/${config.number}/messages`;
  const headers = ['authorization', `Bearer ${config.token}`, 'content-type', 'application/json'];
  return (text) => new Promise((resolve, reject) => {
    let status = 0;
    let answer = '';
    pool.dispatch({ path, method: 'POST', headers, body: text }, {
      onRequestStart() {},
      onResponseStart(_, code) { status = code; },
      onResponseData(_, chunk) { answer += chunk.latin1Slice(); },
      onResponseEnd() {
        if (status === 200) resolve(JSON.parse(answer).messages[0].id);
        else reject(new Error(`the provider answered ${status}: ${answer}`));
      },
      onResponseError(_, error) { reject(error); },
    });
  });
}

// Outcomes wait for company, at most flush_ms or until they are flush_rows; then one INSERT of
// arrays, one commit for all. Resolves once the row is durable.
async function ledger(told) {
  const pool = new pg.Pool({ host: config.postgres, user: 'kabar', database: 'kabar', max: 2 });
  await pool.query('SELECT 1');
  const text = 'INSERT INTO peer_messages (id, recipient, text, provider_id, state, sent_at)'
    + " SELECT i, r, t, p, 'SENT', clock_timestamp()"
    + ' FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS u (i, r, t, p)';
  let rows = [[], [], [], []];
  let waiting = [];
  let timer = null;
  const flush = async () => {
    clearTimeout(timer);
    timer = null;
    const [values, resolves] = [rows, waiting];
    [rows, waiting] = [[[], [], [], []], []];
    await pool.query({ name: 'sent', text, values });
    told(resolves.length, nowMs());
    for (const resolve of resolves) resolve();
  };
  return (...row) => new Promise((resolve) => {
    row.forEach((value, i) => rows[i].push(value));
    waiting.push(resolve);
    if (waiting.length >= config.flush_rows) flush();
    else timer ??= setTimeout(flush, config.flush_ms);
  });
}

async function work() {
  let sent = 0;
  let lastMs = 0;
  const store = await ledger((rows, ms) => { sent += rows; lastMs = ms; });
  const send = sender();
  const worker = new Worker(config.queue, async ({ data }) => {
    const [text, template, parameters] = render(data);
    const providerId = await send(body(data[0], data[1], template, parameters));
    await store(data[0], data[1], text, providerId);
  }, {
    connection: redis(),
    concurrency: config.concurrency,
    removeOnComplete: { count: 0 },
    ...(config.limiter ? { limiter: config.limiter } : {}),
  });
  const fail = (error) => { console.error(error); process.exit(1); };
  worker.on('error', fail);
  worker.on('failed', (_, error) => fail(error));
  await worker.waitUntilReady();
  let told = 0;
  setInterval(() => {
    if (sent === told) return;
    told = sent;
    say({ sent, last_ms: lastMs });
  }, 200);
  say({ ready: true });
}

async function produce() {
  const files = config.recipients.map((path) => JSON.parse(readFileSync(path, 'utf8')));
  const queue = new Queue(config.queue, { connection: redis() });
  await queue.waitUntilReady();
  process.on('SIGUSR2', async () => {
    const rows = files.shift();
    const startedMs = nowMs();
    for (let from = 0; from < rows.length; from += config.bulk) {
      await queue.addBulk(rows.slice(from, from + config.bulk).map((data) => ({ name: 'm', data })));
    }
    say({ started_ms: startedMs, added: rows.length });
  });
  say({ ready: true });
}

await ({ worker: work, producer: produce })[role]();
