/** Emoji in nine groups, by ranges of code points; our own, close to those of emoji keyboards. */

const ranges = {
  faces: `1f479-1f47b 1f47d-1f480 1f4a9 1f600-1f644 1f648-1f64a 1f910-1f917 1f920-1f925 1f927-1f92f 1f970-1f976
    1f978-1f97a 1f9d0 1fae0-1fae5 1fae8 2639-263a`,
  people: `1f385 1f3c2-1f3c4 1f3c7 1f3ca-1f3cc 1f440-1f450 1f463-1f478 1f47c 1f481-1f483 1f485-1f487 1f48f 1f491 1f4aa
    1f574-1f575 1f57a 1f590-1f596 1f5e3 1f645-1f647 1f64b-1f64f 1f6a3 1f6b4-1f6b6 1f6c0 1f6cc 1f90c 1f90f 1f918-1f91f
    1f926 1f930-1f93e 1f977 1f9b0-1f9b3 1f9b5-1f9b9 1f9bb 1f9be-1f9bf 1f9cc-1f9cf 1f9d1-1f9e0 1fac0-1fac5 1fae6
    1faf0-1faf8 261d 26f7 26f9 270a-270d`,
  nature: `1f300 1f308 1f30a-1f320 1f324-1f32c 1f330-1f335 1f337-1f33c 1f33e-1f344 1f3f5 1f400-1f43f 1f490 1f4a5-1f4a6
    1f4a7-1f4a8 1f525 1f54a 1f577-1f578 1f940 1f980-1f9ae 1f9b4 1fa90 1faa8 1fab0-1fabf 1face-1facf 2600-2601 2603-2604
    2614 2618 26a1 26c4-26c5 26c8 2744 2b50`,
  food: `1f32d-1f32f 1f336 1f33d 1f345-1f37f 1f942-1f944 1f950-1f96f 1f9c0-1f9cb 1fad0-1fadb 2615`,
  travel: `1f301 1f303-1f307 1f309 1f3a0-1f3a2 1f3cd-1f3ce 1f3d4-1f3f0 1f492 1f54b-1f54d 1f5fa-1f5ff 1f680-1f6a2
    1f6a4-1f6a8 1f6b2 1f6d5-1f6d7 1f6dd-1f6df 1f6e3-1f6fc 1f9bc-1f9bd 2693 26e9-26ea 26f0-26f2 26f4-26f5 26fa 26fd 2708`,
  activities: `1f004 1f0cf 1f380-1f384 1f386-1f38b 1f38d-1f391 1f396-1f397 1f39f 1f3a3 1f3a8 1f3aa-1f3b4 1f3b7-1f3c0
    1f3c5-1f3c6 1f3c8-1f3c9 1f3cf-1f3d3 1f3f8-1f3f9 1f579 1f93f 1f941 1f945-1f94f 1f9e7-1f9e9 1f9f8 1fa80-1fa88 265f
    26bd-26be 26f3 26f8`,
  objects: `1f302 1f321 1f392-1f393 1f399-1f39e 1f3a4-1f3a7 1f3a9 1f3f7 1f3fa 1f451-1f462 1f484 1f488-1f48a 1f48c-1f48e
    1f4a1 1f4a3 1f4b0-1f4f2 1f4f7-1f4ff 1f507-1f517 1f526-1f52e 1f550-1f573 1f576 1f587-1f58d 1f5a5-1f5e1 1f5f3 1f6aa
    1f6bd 1f6bf 1f6c1 1f6cb 1f6cd-1f6cf 1f6d2 1f6e0-1f6e2 1f97b-1f97f 1f9af 1f9ba 1f9e2-1f9e6 1f9ea-1f9f7 1f9f9-1f9ff
    1fa70-1fa74 1fa78-1fa7c 1fa91-1faa7 1faa9-1faaf 1fae7 231a-231b 2328 23f0-23f3 2602 260e 2692 2694-2699 26b0-26b1
    26cf-26d3 2702 2709 270f-2712`,
  /** Everything that is in no other group. */
  symbols: "",
  flags: "1f1e6-1f1ff 1f38c 1f3c1 1f3f3-1f3f4 1f6a9",
} as const;

/** The groups' names, in label order. */
export const emojiGroups = Object.keys(ranges);
const symbols = emojiGroups.indexOf("symbols");

const table = Object.values(ranges).flatMap((text, label) =>
  text
    .split(/\s+/)
    .filter((range) => range !== "")
    .map((range) => {
      const [first, last = first] = range.split("-").map((code) => Number.parseInt(code, 16));
      return { first, last, label };
    }),
);

/** The label of an emoji, from its code points in hexadecimal joined by "-": "1f1eb-1f1f7" is a flag. */
export function emojiGroup(codes: string): number {
  const [code, second] = codes.split("-").map((text) => Number.parseInt(text, 16));
  // Half a flag is a letter.
  if (second === undefined && code >= 0x1f1e6 && code <= 0x1f1ff) return symbols;
  return table.find(({ first, last }) => code >= first && code <= last)?.label ?? symbols;
}
