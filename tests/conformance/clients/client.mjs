// Replays a transcript: `node client.mjs TRANSCRIPT COMMAND...`; exits with 1 where an answer differs.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

const [path, program, ...rest] = process.argv.slice(2);
const wanted = readFileSync(path, "utf8").replace(/\n$/, "").split("\n");
const engine = spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"] });

const lines = [];
const waiting = [];
let ended = false;
let buffer = Buffer.alloc(0);

// Split on LF alone, on bytes: readline would also split on U+2028, and a chunk may end within a character.
engine.stdout.on("data", (chunk) => {
  buffer = Buffer.concat([buffer, chunk]);
  for (let at = buffer.indexOf(10); at >= 0; at = buffer.indexOf(10)) {
    hear(buffer.subarray(0, at).toString("utf8"));
    buffer = buffer.subarray(at + 1);
  }
});
const closed = new Promise((resolve) => engine.on("close", resolve));
engine.stdout.on("end", () => {
  ended = true;
  while (waiting.length) waiting.shift()("");
});

function hear(line) {
  if (waiting.length) waiting.shift()(line);
  else lines.push(line);
}

function next() {
  if (lines.length) return Promise.resolve(lines.shift());
  return ended ? Promise.resolve("") : new Promise((resolve) => waiting.push(resolve));
}

function normal(line) {
  return line
    .replace(/"elapsed_ms":\d+/g, '"elapsed_ms":0')
    .replace(/"expected":"one of [^"]*"/g, '"expected":"one of ..."')
    .replace(/^\{"event":"(hello|stats)",.*/, '{"event":"$1"}');
}

const heard = [];
for (const line of wanted) {
  if (line.startsWith("> ")) engine.stdin.write(line.slice(2) + "\n");
  heard.push(line.startsWith("< ") ? "< " + normal(await next()) : line);
}
engine.stdin.end();
const status = await closed;
heard.push(...lines.map((line) => "< " + normal(line)));
if (status !== 0) heard.push(`# exit status ${status}`);

let differ = heard.length !== wanted.length;
for (let at = 0; at < Math.max(heard.length, wanted.length); at++) {
  if (heard[at] === wanted[at]) continue;
  differ = true;
  console.log(`line ${at + 1}\n- ${wanted[at]}\n+ ${heard[at]}`);
}
process.exitCode = differ ? 1 : 0;
