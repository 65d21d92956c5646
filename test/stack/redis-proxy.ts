import { createServer, connect as openSocket, type Server, type Socket } from 'node:net'

/**
 * A fixed address in front of a container whose port changes when it is started again. Like a network, it can also
 * swallow everything: connections stay, nothing comes back.
 */
export class RedisProxy {
  targetPort: number
  isSilent = false
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(targetPort: number) {
    this.targetPort = targetPort
    this.#server = createServer((client) => this.#join(client))
  }

  static async open(targetPort: number): Promise<RedisProxy> {
    const proxy = new RedisProxy(targetPort)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #join(client: Socket): void {
    const target = openSocket({ host: '127.0.0.1', port: this.targetPort })
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(from)
      from.on('data', (data) => {
        if (!this.isSilent) to.write(data)
      })
      from.on('error', () => to.destroy())
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
  }
}
