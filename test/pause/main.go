// Command pause does nothing until it gets a signal to end: the sandbox of each pod of `npm run e2e`, and what its pods run.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
}
