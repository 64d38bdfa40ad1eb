export { ConfigError, GraphError, SessionError } from "./errors/index.ts";
