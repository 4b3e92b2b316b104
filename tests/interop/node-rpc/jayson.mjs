/** Both versions have the same functions. A client of jayson makes a connection for each request. */
export function jaysonEnds(jayson) {
  return {
    listen(methods) {
      const served = Object.fromEntries(
        Object.entries(methods).map(([name, method]) => [
          name,
          (args, callback) => {
            try {
              callback(null, method(...(args ?? [])) ?? null);
            } catch (error) {
              callback(error);
            }
          },
        ]),
      );
      return new Promise((resolve) => {
        const server = new jayson.Server(served).tcp();
        server.listen(0, '127.0.0.1', () => resolve(server.address().port));
      });
    },
    async dial(port) {
      const client = jayson.Client.tcp({ port, host: '127.0.0.1' });
      const ask = (...args) =>
        new Promise((resolve, reject) =>
          client.request(...args, (error, response) => (error ? reject(error) : resolve(response))),
        );
      return {
        async call(method, params) {
          const { result, error } = await ask(method, params);
          if (error) throw error;
          return result;
        },
        notify: (method, params) => ask(method, params, null),
        batch(calls, notifications) {
          const requests = [
            ...calls.map(({ method, params }) => client.request(method, params)),
            ...notifications.map(({ method, params }) => client.request(method, params, null)),
          ];
          return ask(requests);
        },
      };
    },
  };
}
