/** The flags and the help of `doctor`. */
import { type Command, Option } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { command, context, exitCodes, type Finish, kubeconfig } from '../command-parts.ts';
import { color } from '../terminal/flags.ts';
import { type DoctorFlags, doctor } from './doctor.ts';

const SUBJECTS =
  'pod/NAME; deployment/NAME, statefulset/NAME, daemonset/NAME, replicaset/NAME, job/NAME, cronjob/NAME; serviceaccount/NAME; image IMAGE; namespace NAME';

export function doctorCommand(io: CommandIo, finish: Finish): Command {
  const { program } = io;
  return command('doctor', io)
    .summary('explain why a pod cannot pull its image, and what to do')
    .description(
      'Checks step by step everything that the pull of an image needs, and says how to fix the first step that is wrong.\n\n' +
        'It reads with your own kubeconfig and rights, names the rights that you lack, and writes nothing. It shows no password.',
    )
    .argument('[SUBJECT...]', SUBJECTS)
    .option('-n, --namespace <NAME>', 'namespace of the subject; alone: the namespace itself (default: that of the context)')
    .option('-A, --all-namespaces', 'the RegistryCredentials, and the pods of all namespaces that wait for an image')
    .option('--serviceaccount <NAME>', 'for an image: the ServiceAccount of the pod (default: default)')
    .option('-f, --filename <FILE>', 'check everything in a file of manifests that creates pods; - for standard input')
    .option('--pull', 'also ask the registries, from this machine and with the matching credentials; downloads nothing')
    .addOption(color())
    .addOption(kubeconfig())
    .addOption(context())
    .addOption(
      new Option(
        '-o, --output <FORMAT>',
        'wide adds the fix of every step; name prints the subjects with something wrong or unknown; yaml and json are for programs',
      ).choices(['name', 'wide', 'yaml', 'json']),
    )
    .addHelpText(
      'after',
      `
Examples:
  # Why is this pod in ImagePullBackOff?
  ${program} doctor pod/web-0 -n shop

  # Can the pods of this Deployment pull? Its template, and its worst pod
  ${program} doctor deployment/web -n shop

  # Which pods wait for an image, in all namespaces?
  ${program} doctor -A

  # Could a pod there pull this image? Also ask the registry
  ${program} doctor image ghcr.io/acme/app:1 -n shop --serviceaccount default --pull

  # Is everything in place in a namespace, and which pods wait for an image?
  ${program} doctor namespace shop

  # Check a file before you apply it
  ${program} doctor -f deployment.yaml

Marks: ✔ correct; ✘ wrong; ? unknown; · a note.
${exitCodes({
  ok: 'nothing is wrong',
  found: 'something is wrong',
  failed: 'something could not be checked, or an error, see standard error',
})}`,
    )
    .action((subject: string[], flags: DoctorFlags) => finish(doctor(subject, flags, io)));
}
