// The other side of the picture cases. One argument, a JSON object; where something is timed, one line of JSON out.
//
//   node sharp.mjs '{"sharp": FOLDER, "mode": "one", "input": PATH, "output": PATH, "width": 720, "quality": 80}'
//
// Modes: version; one (a resize, nothing else); many (count resizes, `parallel` at a time, each into its own file);
// ladder (count times all widths of one picture in all formats, by clone()); list (one after the other what a JSON file
// lists: input, output, format, the encoder's options and, where it is resized, width). `concurrency` is libvips'
// threads a picture; the threads of Node.js itself are UV_THREADPOOL_SIZE, which has to be in the environment already.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const job = JSON.parse(process.argv[2]);
const sharp = createRequire(join(job.sharp, "package.json"))("sharp");

const modes = {
  async version() {
    console.log(JSON.stringify({ sharp: sharp.versions.sharp, vips: sharp.versions.vips, node: process.versions.node }));
  },

  async one() {
    await sharp(job.input).resize(job.width).jpeg({ quality: job.quality }).toFile(job.output);
  },

  async many() {
    settle();
    const finished = [];
    let next = 0;
    const began = performance.now();
    const lane = async () => {
      while (next < job.count) {
        const output = join(job.folder, `${next++}.jpg`);
        await sharp(job.input).resize(job.width).jpeg({ quality: job.quality }).toFile(output);
        finished.push((performance.now() - began) / 1000);
      }
    };
    await Promise.all(Array.from({ length: job.parallel }, lane));
    console.log(JSON.stringify({ finished }));
  },

  async ladder() {
    settle();
    for (let count = 0; count < job.count; count++) {
      const picture = sharp(job.input);
      const rung = ([width, format]) =>
        picture
          .clone()
          .resize(width)
          .toFormat(format, { quality: job.quality })
          .toFile(join(job.folder, `${width}.${format === "jpeg" ? "jpg" : format}`));
      await Promise.all(job.widths.flatMap((width) => job.formats.map((format) => rung([width, format]))));
    }
  },

  async list() {
    settle();
    for (const one of JSON.parse(readFileSync(job.list, "utf8"))) {
      const picture = one.width ? sharp(one.input).resize(one.width) : sharp(one.input);
      await picture.toFormat(one.format, one.options ?? {}).toFile(one.output);
    }
  },
};

// Both sides decode the picture every time: libvips could otherwise give back what it remembers of the same file.
function settle() {
  sharp.cache(false);
  sharp.concurrency(job.concurrency);
}

await modes[job.mode]();
