/**
 * Python's pickles, as data. A pickle is a program; this runs the part of it that makes numbers, strings, lists, dicts and
 * NumPy arrays, and refuses the rest: nothing that a file names is ever imported or called. Protocols 0 to 5.
 */
import { ConfigError } from "../../errors/index.ts";
import { latin1, textOrBytes, unescaped, utf8 } from "./pickle-text.ts";

/** A NumPy array whose numbers are bytes. */
export interface PickledBytes {
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

/** What a pickle may hold. Tuples are lists. */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Pickled[]
  | Map<Pickled, Pickled>
  | PickledArray
  | Named;

/** An array of NumPy, as far as it has been put together. */
class PickledArray {
  dims: readonly number[] = [];
  bytes: Uint8Array = new Uint8Array();
  type = "";
}

/** A name that a pickle wants to import. */
class Named {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A type of NumPy's, by its letters: "u1" are bytes. */
class Typed {
  readonly letters: string;
  constructor(letters: string) {
    this.letters = letters;
  }
}

/** Where a list of values on the stack begins. */
class Mark {
  readonly isMark = true;
}

type Value = Pickled | Typed | Mark;

const mark = new Mark();
/** No file of numbers needs more. */
const mostSteps = 5e7;

/** Reads a pickle. `where` names it in errors, which are ConfigErrors. */
export function readPickle(bytes: Uint8Array, where: string): Pickled {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const refuse = (what: string) => new ConfigError(`${where}: is no pickle of plain data: ${what}.`);
  const stack: Value[] = [];
  const memo = new Map<number, Value>();
  let at = 0;

  const take = (length: number): Uint8Array => {
    if (!(length >= 0 && at + length <= bytes.length)) throw refuse(`it ends at byte ${bytes.length}`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const unsigned = (width: 1 | 2 | 4 | 8): number => {
    take(width);
    const start = at - width;
    if (width === 1) return view.getUint8(start);
    if (width === 2) return view.getUint16(start, true);
    if (width === 4) return view.getUint32(start, true);
    return Number(view.getBigUint64(start, true));
  };
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    if (end < 0) throw refuse("a line does not end");
    const text = latin1(bytes.subarray(at, end));
    at = end + 1;
    return text;
  };
  const pop = (): Value => {
    const value = stack.pop();
    if (value === undefined || value === mark) throw refuse("its stack is empty");
    return value;
  };
  const top = (): Value => {
    const value = stack[stack.length - 1];
    if (value === undefined || value === mark) throw refuse("its stack is empty");
    return value;
  };
  const toMark = (): Value[] => {
    const from = stack.lastIndexOf(mark);
    if (from < 0) throw refuse("a mark is missing");
    const values = stack.splice(from);
    return values.slice(1);
  };
  const integer = (text: string): number => {
    const value = Number(text.replace(/L$/, ""));
    if (!Number.isSafeInteger(value)) throw refuse(`${JSON.stringify(text)} is no number`);
    return value;
  };
  const long = (length: number): number => {
    if (length > 8) throw refuse(`a number of ${length} bytes`);
    let value = 0n;
    const digits = take(length);
    for (let i = length - 1; i >= 0; i--) value = value * 256n + BigInt(digits[i]);
    const signed = length > 0 && digits[length - 1] >= 128 ? value - (1n << BigInt(8 * length)) : value;
    return Number(signed);
  };
  const list = (value: Value): Value[] => {
    if (!Array.isArray(value)) throw refuse("something is added to what is no list");
    return value as Value[];
  };
  const put = (key: number) => memo.set(key, top());
  const get = (key: number) => {
    const value = memo.get(key);
    if (value === undefined) throw refuse(`nothing was kept as ${key}`);
    stack.push(value);
  };
  const setItems = (pairs: readonly Value[]) => {
    const dict = top();
    if (!(dict instanceof Map) || pairs.length % 2 !== 0) throw refuse("something is put into what is no dict");
    for (let i = 0; i < pairs.length; i += 2) dict.set(pairs[i] as Pickled, pairs[i + 1] as Pickled);
  };
  const named = (module: Value, name: Value) => {
    const full = `${String(module)}.${String(name)}`;
    if (!Object.hasOwn(known, full)) throw refuse(`it wants to import ${JSON.stringify(full)}`);
    stack.push(new Named(full));
  };

  for (let steps = 0; steps < mostSteps; steps++) {
    const op = unsigned(1);
    switch (op) {
      case 0x80: // PROTO
        if (unsigned(1) > 5) throw refuse("its protocol is newer than 5");
        break;
      case 0x95: // FRAME
        unsigned(8);
        break;
      case 0x2e: {
        // STOP
        const value = pop();
        if (value instanceof Typed || value instanceof Named) throw refuse("it holds a name");
        return value as Pickled;
      }
      case 0x28: // MARK
        stack.push(mark);
        break;
      case 0x30: // POP
        if (stack.pop() === undefined) throw refuse("its stack is empty");
        break;
      case 0x31: // POP_MARK
        toMark();
        break;
      case 0x32: // DUP
        stack.push(top());
        break;
      case 0x4e: // NONE
        stack.push(null);
        break;
      case 0x88: // NEWTRUE
        stack.push(true);
        break;
      case 0x89: // NEWFALSE
        stack.push(false);
        break;
      case 0x49: {
        // INT
        const text = line();
        stack.push(text === "00" ? false : text === "01" ? true : integer(text));
        break;
      }
      case 0x4c: // LONG
        stack.push(integer(line()));
        break;
      case 0x4a: // BININT
        take(4);
        stack.push(view.getInt32(at - 4, true));
        break;
      case 0x4b: // BININT1
        stack.push(unsigned(1));
        break;
      case 0x4d: // BININT2
        stack.push(unsigned(2));
        break;
      case 0x8a: // LONG1
        stack.push(long(unsigned(1)));
        break;
      case 0x8b: // LONG4
        stack.push(long(unsigned(4)));
        break;
      case 0x46: // FLOAT
        stack.push(Number(line()));
        break;
      case 0x47: // BINFLOAT
        take(8);
        stack.push(view.getFloat64(at - 8, false));
        break;
      case 0x53: {
        // STRING
        const text = line();
        if (!/^(['"])[^\\]*\1$/.test(text)) throw refuse("a string of protocol 0 with escapes");
        stack.push(text.slice(1, -1));
        break;
      }
      case 0x56: // UNICODE
        stack.push(unescaped(line()));
        break;
      // Strings of Python 2 may hold anything: text is what an array's letters and a dict's keys are, bytes the rest.
      case 0x54: // BINSTRING
        stack.push(textOrBytes(take(unsigned(4))));
        break;
      case 0x55: // SHORT_BINSTRING
        stack.push(textOrBytes(take(unsigned(1))));
        break;
      case 0x58: // BINUNICODE
        stack.push(utf8(take(unsigned(4))));
        break;
      case 0x8c: // SHORT_BINUNICODE
        stack.push(utf8(take(unsigned(1))));
        break;
      case 0x8d: // BINUNICODE8
        stack.push(utf8(take(unsigned(8))));
        break;
      case 0x42: // BINBYTES
        stack.push(textOrBytes(take(unsigned(4))));
        break;
      case 0x43: // SHORT_BINBYTES
        stack.push(textOrBytes(take(unsigned(1))));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        stack.push(textOrBytes(take(unsigned(8))));
        break;
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        stack.push([]);
        break;
      case 0x6c: // LIST
      case 0x74: // TUPLE
        stack.push(toMark() as Pickled[]);
        break;
      case 0x85: // TUPLE1
        stack.push([pop()] as Pickled[]);
        break;
      case 0x86: {
        // TUPLE2
        const [b, a] = [pop(), pop()];
        stack.push([a, b] as Pickled[]);
        break;
      }
      case 0x87: {
        // TUPLE3
        const [c, b, a] = [pop(), pop(), pop()];
        stack.push([a, b, c] as Pickled[]);
        break;
      }
      case 0x61: {
        // APPEND
        const value = pop();
        list(top()).push(value);
        break;
      }
      case 0x65: {
        // APPENDS
        const values = toMark();
        const target = list(top());
        for (const value of values) target.push(value);
        break;
      }
      case 0x7d: // EMPTY_DICT
        stack.push(new Map());
        break;
      case 0x64: {
        // DICT
        const pairs = toMark();
        stack.push(new Map());
        setItems(pairs);
        break;
      }
      case 0x73: {
        // SETITEM
        const [value, key] = [pop(), pop()];
        setItems([key, value]);
        break;
      }
      case 0x75: {
        // SETITEMS
        setItems(toMark());
        break;
      }
      case 0x70: // PUT
        put(integer(line()));
        break;
      case 0x71: // BINPUT
        put(unsigned(1));
        break;
      case 0x72: // LONG_BINPUT
        put(unsigned(4));
        break;
      case 0x94: // MEMOIZE
        put(memo.size);
        break;
      case 0x67: // GET
        get(integer(line()));
        break;
      case 0x68: // BINGET
        get(unsigned(1));
        break;
      case 0x6a: // LONG_BINGET
        get(unsigned(4));
        break;
      case 0x63: // GLOBAL
        named(line(), line());
        break;
      case 0x93: {
        // STACK_GLOBAL
        const [name, module] = [pop(), pop()];
        named(module, name);
        break;
      }
      case 0x52: {
        // REDUCE
        const [args, what] = [pop(), pop()];
        if (!(what instanceof Named) || !Array.isArray(args)) throw refuse("it wants to call something");
        const made = known[what.name](args as Value[]);
        if (made === undefined) throw refuse(`${what.name} of something unexpected`);
        stack.push(made);
        break;
      }
      case 0x62: {
        // BUILD
        const [state, object] = [pop(), top()];
        // A type's byte order and alignment follow; bytes have neither.
        if (object instanceof Typed) break;
        if (!(object instanceof PickledArray) || !fillArray(object, state))
          throw refuse("it wants to put together something that is no array");
        break;
      }
      default:
        throw refuse(`byte ${at - 1} is 0x${op.toString(16)}, which plain data do not need`);
    }
  }
  throw refuse(`it is longer than ${mostSteps} steps`);
}

/** The names that a pickle of arrays holds, and what is made in their place. */
const known: Readonly<Record<string, (args: readonly Value[]) => Value | undefined>> = {
  "numpy.core.multiarray._reconstruct": () => new PickledArray(),
  "numpy._core.multiarray._reconstruct": () => new PickledArray(),
  "numpy.core.numeric._frombuffer": fromBuffer,
  "numpy._core.numeric._frombuffer": fromBuffer,
  "numpy.ndarray": () => undefined,
  "numpy.dtype": ([letters]) => (typeof letters === "string" ? new Typed(letters) : undefined),
  // Python 3 writes bytes so, in protocols that have none.
  "_codecs.encode": ([text, encoding]) =>
    typeof text === "string" && encoding === "latin1"
      ? textOrBytes(Uint8Array.from(text, (letter) => letter.charCodeAt(0)))
      : undefined,
  "__builtin__.bytes": () => new Uint8Array(),
  "builtins.bytes": () => new Uint8Array(),
};

function fromBuffer([data, type, dims]: readonly Value[]): PickledArray | undefined {
  const array = new PickledArray();
  return fillArray(array, [1, dims, type, false, data] as Pickled[]) ? array : undefined;
}

/** (version, dimensions, type, whether columns come first, bytes), as NumPy's arrays are pickled. */
function fillArray(array: PickledArray, state: Value): boolean {
  if (!Array.isArray(state) || state.length !== 5) return false;
  const [, dims, type, columnsFirst, data] = state as readonly Value[];
  const bytes = typeof data === "string" ? Uint8Array.from(data, (letter) => letter.charCodeAt(0)) : data;
  if (!(bytes instanceof Uint8Array && type instanceof Typed && Array.isArray(dims)) || columnsFirst === true)
    return false;
  const sizes = dims as readonly Value[];
  if (!sizes.every((size): size is number => typeof size === "number" && Number.isSafeInteger(size) && size >= 0))
    return false;
  array.dims = sizes;
  array.bytes = bytes;
  array.type = type.letters;
  return true;
}

/** The array of bytes that a value is; nothing if it is none, or its bytes are too few or too many. */
export function bytesArray(value: Pickled | undefined): PickledBytes | undefined {
  if (!(value instanceof PickledArray) || !/^\|?[ub]1$/.test(value.type)) return undefined;
  const { dims, bytes } = value;
  return dims.reduce((product, size) => product * size, 1) === bytes.length ? { dims, bytes } : undefined;
}
