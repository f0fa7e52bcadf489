// Command kubenode is the kubelet and the scheduler of one Kubernetes version, in one binary: the name by which it is called
// decides. `npm run e2e` writes a go.mod for the version of the control plane beside a copy of this file.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/component-base/cli"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "kubelet":
		os.Exit(cli.Run(kubelet.NewKubeletCommand(context.Background())))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	default:
		fmt.Fprintf(os.Stderr, "kubenode: %q is neither kubelet nor kube-scheduler: call it by one of these names.\n", name)
		os.Exit(2)
	}
}
