export { normalCdf, normalPdf, normalQuantile } from "./normal.ts";
