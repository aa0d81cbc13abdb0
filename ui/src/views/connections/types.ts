/* What a form of a connection shows, by its type: which fields it has, how they are called, what stands in extra. Any other type is free text and shows all. */
export interface Connection {
  connection_id: string;
  conn_type: string;
  description: string | null;
  host: string | null;
  login: string | null;
  schema: string | null;
  port: number | null;
  password: string | null; // "***" where there is one
  extra: string | null;
}

export type Part = "host" | "port" | "schema" | "login" | "password";

export interface ConnType {
  name: string;
  hide?: Part[];
  port?: number;
  labels?: Partial<Record<Part, string>>; // keys of connections.json's "label"
  extra?: string[]; // names that are usual
}

export const TYPES: Record<string, ConnType> = {
  postgres: { name: "PostgreSQL", port: 5432, labels: { schema: "database" }, extra: ["sslmode", "application_name", "options"] },
  mysql: { name: "MySQL", port: 3306, labels: { schema: "database" }, extra: ["charset", "ssl"] },
  sqlite: { name: "SQLite", hide: ["port", "schema", "login", "password"], labels: { host: "file" } },
  http: { name: "HTTP", labels: { host: "url", schema: "scheme" }, extra: ["headers", "timeout"] },
  ftp: { name: "FTP", port: 21, hide: ["schema"], extra: ["passive"] },
  sftp: { name: "SFTP", port: 22, hide: ["schema"], extra: ["key_file", "private_key", "host_key"] },
  ssh: { name: "SSH", port: 22, hide: ["schema"], extra: ["key_file", "private_key", "timeout"] },
  smtp: { name: "SMTP", port: 587, hide: ["schema"], extra: ["from_email", "disable_ssl", "disable_tls"] },
  aws: { name: "Amazon Web Services", hide: ["host", "port", "schema"], labels: { login: "access_key", password: "secret_key" }, extra: ["region_name", "role_arn", "endpoint_url"] },
  google_cloud_platform: { name: "Google Cloud", hide: ["host", "port", "schema", "login", "password"], extra: ["project", "key_path", "keyfile_dict"] },
  wasb: { name: "Azure Blob Storage", hide: ["port", "schema"], extra: ["connection_string", "tenant_id"] },
  snowflake: { name: "Snowflake", hide: ["host", "port"], extra: ["account", "warehouse", "database", "role"] },
  mssql: { name: "Microsoft SQL Server", port: 1433, labels: { schema: "database" } },
  oracle: { name: "Oracle", port: 1521, labels: { schema: "service" } },
  mongo: { name: "MongoDB", port: 27017, labels: { schema: "database" }, extra: ["srv", "ssl"] },
  redis: { name: "Redis", port: 6379, hide: ["schema", "login"], extra: ["db", "ssl"] },
  kafka: { name: "Apache Kafka", hide: ["port", "schema", "login", "password"], labels: { host: "servers" }, extra: ["bootstrap.servers", "security.protocol"] },
  slack: { name: "Slack", hide: ["host", "port", "schema", "login"], labels: { password: "token" } },
  fs: { name: "File system", hide: ["host", "port", "schema", "login", "password"], extra: ["path"] },
  generic: { name: "Generic" },
};

export const typeName = (type: string) => TYPES[type]?.name ?? type;

/** For lists: user@host:port/schema, what there is of it. */
export function addressOf(c: Connection): string {
  const at = [c.login && `${c.login}@`, c.host, c.port !== null && c.port !== undefined && `:${c.port}`].filter(Boolean).join("");
  return c.schema ? `${at}/${c.schema}` : at;
}
