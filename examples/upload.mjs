// Upload a file and read it back, in Node >= 20 or, with a <input type="file">, in a browser.
// Run: node examples/upload.mjs report.pdf   (HOLDFAST_URL and HOLDFAST_TOKEN say where and as whom)
import { openAsBlob } from "node:fs";
import { basename } from "node:path";

const base = `${process.env.HOLDFAST_URL ?? "http://localhost:8000"}/api/v1`;
const headers = process.env.HOLDFAST_TOKEN ? { Authorization: `Bearer ${process.env.HOLDFAST_TOKEN}` } : {};

const form = new FormData();
form.set("folder", "examples");
form.set("file", await openAsBlob(process.argv[2]), basename(process.argv[2]));

const answer = await fetch(`${base}/files/upload`, { method: "POST", headers, body: form });
const file = await answer.json();
if (!answer.ok) throw new Error(`${file.code}: ${file.detail}`);
console.log("stored", file.filename, file.file_size, "bytes as", file.id);

const download = await fetch(`${base}/files/${file.id}/download`, { headers });
console.log("read back", (await download.arrayBuffer()).byteLength, "bytes");
