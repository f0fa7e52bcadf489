// Command tools is what the tests need of others' programs: helm, a registry, and the Lua of Argo CD, in one binary, which
// of them it is being decided by the name it is called by. The sources are the released modules, unchanged.
//
// It is a module of its own, because Helm asks for newer Kubernetes libraries than the control plane is made of.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/distribution/distribution/v3/registry"
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/auth/token"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	helm "helm.sh/helm/v4/pkg/cmd"
	"helm.sh/helm/v4/pkg/kube"
)

func main() {
	name := filepath.Base(os.Args[0])
	err := fmt.Errorf("it is none of helm, lua, registry: call it by one of these names")
	switch name {
	case "helm":
		err = runHelm()
	case "lua":
		err = answer(os.Args[1:], os.Stdin, os.Stdout)
	case "registry":
		err = registry.RootCmd.Execute()
	}
	if exit, ok := errors.AsType[helm.CommandError](err); ok {
		os.Exit(exit.ExitCode)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func runHelm() error {
	// What the released helm is called in managedFields.
	kube.ManagedFieldsManager = "helm"
	command, err := helm.NewRootCmd(os.Stdout, os.Args[1:], helm.SetupLogging)
	if err != nil {
		return err
	}
	return command.Execute()
}
