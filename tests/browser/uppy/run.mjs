// Drives the stock, unchanged @uppy/aws-s3 in a page of jsdom, which keeps the rules of origins as browsers do.
// HOLDFAST_URL and HOLDFAST_TOKEN say where and as whom, PAGE_ORIGIN where the page comes from. Prints one line of JSON.
import { randomBytes, createHash } from "node:crypto";
import { JSDOM, VirtualConsole } from "jsdom";
import { holdfast } from "../../../examples/uppy.mjs";

/** Bytes of no format: chance must not make their beginning look like one. */
const noise = (size) => randomBytes(size).fill(0x9d, 0, Math.min(size, 1024));

const base = process.env.HOLDFAST_URL;
const MIB = 1024 * 1024;

// What a browser has and Node lacks. Requests go through jsdom: preflights, exposed headers and all.
const page = new JSDOM("", { url: `${process.env.PAGE_ORIGIN}/upload`, virtualConsole: new VirtualConsole() });
const requests = [];
class Recorded extends page.window.XMLHttpRequest {
  open(method, url, ...rest) {
    requests.push({ method, url: String(url) });
    super.open(method, url, ...rest);
  }
}
Object.assign(globalThis, {
  window: page.window, document: page.window.document, XMLHttpRequest: Recorded,
  Blob: page.window.Blob, File: page.window.File, FormData: page.window.FormData,
});

// Node's own knows nothing of origins.
globalThis.fetch = (url, { method, headers, body }) =>
  new Promise((resolve, reject) => {
    const request = new page.window.XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.onerror = () => reject(new TypeError("the page may not call the API"));
    request.onload = () => resolve({ ok: request.status < 300, json: async () => JSON.parse(request.responseText) });
    request.send(body);
  });

const { default: Uppy } = await import("@uppy/core");
const { default: AwsS3 } = await import("@uppy/aws-s3");

function uploader(options) {
  return new Uppy({ logger: { debug() {}, warn() {}, error() {} } }).use(AwsS3, {
    ...holdfast(base, () => process.env.HOLDFAST_TOKEN, { folder: "uppy" }),
    ...options,
  });
}

function add(uppy, name, bytes, type = "application/octet-stream") {
  return uppy.addFile({ name, type, data: new page.window.File([bytes], name, { type }) });
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const next = (uppy, event) => new Promise((resolve) => uppy.once(event, (...given) => resolve(given)));

function outcome(result, bytes) {
  const file = result.successful[0];
  if (!file) throw new Error(String(result.failed[0]?.error ?? "neither successful nor failed"));
  return { sha256: sha256(bytes), size: bytes.length, ...file.response.body };
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
async function until(condition) {
  while (!condition()) await pause(1);
}

const partNumbers = () =>
  requests.filter(({ method, url }) => method === "PUT" && url.includes("partNumber=")).map(({ url }) =>
    Number(new URL(url).searchParams.get("partNumber")));

const scenarios = {
  async single() {
    const bytes = noise(3 * MIB);
    const uppy = uploader({ shouldUseMultipart: false });
    add(uppy, "single.bin", bytes);
    return outcome(await uppy.upload(), bytes);
  },

  async multipart() {
    const bytes = noise(12 * MIB + 1);
    const uppy = uploader({ shouldUseMultipart: true });
    add(uppy, "multipart.bin", bytes);
    return { ...outcome(await uppy.upload(), bytes), parts: partNumbers() };
  },

  // Paused while the second part is on its way: the first isn't sent again, the second is.
  async resumed() {
    const bytes = noise(16 * MIB);
    const uppy = uploader({ shouldUseMultipart: true });
    const id = add(uppy, "resumed.bin", bytes);
    const finished = uppy.upload();
    await until(() => partNumbers().includes(2));
    uppy.pauseResume(id);
    const sentBefore = partNumbers().length;
    await pause(1000);
    const sentWhilePaused = partNumbers().length - sentBefore;
    uppy.pauseResume(id);
    const result = outcome(await finished, bytes);
    return { ...result, sentWhilePaused, parts: partNumbers() };
  },

  // As after a reload of the page: only key and upload id are remembered, the parts are asked for.
  async reloaded() {
    const bytes = noise(12 * MIB);
    const before = uploader({ shouldUseMultipart: true });
    const id = add(before, "reloaded.bin", bytes);
    before.upload();
    await next(before, "s3-multipart:part-uploaded");
    before.pauseResume(id);
    const { s3Multipart } = before.getFile(id);
    const sentBefore = partNumbers().length;
    const after = uploader({ shouldUseMultipart: true });
    after.setFileState(add(after, "reloaded.bin", bytes), { s3Multipart });
    const result = outcome(await after.upload(), bytes);
    return { ...result, first: partNumbers().slice(sentBefore).filter((number) => number === 1).length };
  },

  async aborted() {
    const uppy = uploader({ shouldUseMultipart: true });
    const id = add(uppy, "aborted.bin", noise(12 * MIB));
    uppy.upload();
    await until(() => partNumbers().includes(2));
    const { key } = uppy.getFile(id).s3Multipart;
    uppy.removeFile(id);
    await until(() => requests.some(({ method }) => method === "DELETE"));
    await pause(1000);
    return { key };
  },

  // What the API says reaches the page in its own words.
  async refused() {
    const uppy = uploader({ shouldUseMultipart: true });
    add(uppy, "setup.exe", noise(100));
    const [, error] = await Promise.all([uppy.upload(), next(uppy, "upload-error")]).then(([, given]) => given);
    return { message: error.message };
  },

  // What completion finds wrong is answered in XML, of which the plugin shows the code.
  async rejected() {
    const uppy = uploader({ shouldUseMultipart: true });
    add(uppy, "picture.png", Buffer.from("<html><script>alert(1)</script></html>"), "image/png");
    const [, error] = await Promise.all([uppy.upload(), next(uppy, "upload-error")]).then(([, given]) => given);
    return { message: error.message };
  },
};

const name = process.argv[2];
const found = await scenarios[name]();
const hosts = [...new Set(requests.filter(({ method }) => method === "PUT").map(({ url }) => new URL(url).host))];
console.log(JSON.stringify({ ...found, hosts, api: new URL(base).host }));
process.exit(0);
