/** The hosts of AWS, by partition and region, or as the environment says (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html). */
import { CloudError } from '../../api/cloud-token.ts';

type Env = Readonly<Record<string, string | undefined>>;

interface Partition {
  readonly region: RegExp;
  readonly suffix: string;
  readonly dualStack: string;
}

/** https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json */
const PARTITIONS: readonly Partition[] = [
  { region: /^cn-/, suffix: 'amazonaws.com.cn', dualStack: 'api.amazonwebservices.com.cn' },
  { region: /^us-gov-/, suffix: 'amazonaws.com', dualStack: 'api.aws' },
  { region: /^eusc-/, suffix: 'amazonaws.eu', dualStack: 'api.amazonwebservices.eu' },
  { region: /^us-iso-/, suffix: 'c2s.ic.gov', dualStack: 'api.aws.ic.gov' },
  { region: /^us-isob-/, suffix: 'sc2s.sgov.gov', dualStack: 'api.aws.scloud' },
  { region: /^eu-isoe-/, suffix: 'cloud.adc-e.uk', dualStack: 'api.cloud-aws.adc-e.uk' },
  { region: /^us-isof-/, suffix: 'csp.hci.ic.gov', dualStack: 'api.aws.hci.ic.gov' },
  { region: /^/, suffix: 'amazonaws.com', dualStack: 'api.aws' },
];
const partitionOf = (region: string) => PARTITIONS.find((partition) => partition.region.test(region)) as Partition;

/** Regions whose STS calls went to the global endpoint before 2025 (https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html). */
const LEGACY =
  /^(?:us-(?:east|west)-[12]|eu-west-[123]|eu-central-1|eu-north-1|ca-central-1|sa-east-1|ap-south-1|ap-northeast-1|ap-southeast-[12])$/;

/** The endpoint of ECR's API. It is not the registry's host. */
export function ecrEndpoint(service: 'ecr' | 'ecr-public', region: string, env: Env): URL {
  const configured = configuredEndpoint(service === 'ecr' ? 'ECR' : 'ECR_PUBLIC', env);
  if (configured) return configured;
  const { suffix, dualStack } = partitionOf(region);
  const name = `${service}${isOn(env.AWS_USE_FIPS_ENDPOINT) ? '-fips' : ''}`;
  return new URL(
    isOn(env.AWS_USE_DUALSTACK_ENDPOINT) ? `https://${name}.${region}.${dualStack}/` : `https://api.${name}.${region}.${suffix}/`,
  );
}

/** The endpoint of STS, and the region to sign for: the global one is in us-east-1. */
export function stsEndpoint(region: string, env: Env): { readonly url: URL; readonly signingRegion: string } {
  const configured = configuredEndpoint('STS', env);
  if (configured) return { url: configured, signingRegion: region };
  if (env.AWS_STS_REGIONAL_ENDPOINTS?.toLowerCase() === 'legacy' && LEGACY.test(region))
    return { url: new URL('https://sts.amazonaws.com/'), signingRegion: 'us-east-1' };
  const { suffix, dualStack } = partitionOf(region);
  // GovCloud's STS is validated by FIPS under its ordinary name.
  const name = isOn(env.AWS_USE_FIPS_ENDPOINT) && !region.startsWith('us-gov-') ? 'sts-fips' : 'sts';
  const domain = isOn(env.AWS_USE_DUALSTACK_ENDPOINT) ? dualStack : suffix;
  return { url: new URL(`https://${name}.${region}.${domain}/`), signingRegion: region };
}

function configuredEndpoint(service: string, env: Env): URL | undefined {
  if (isOn(env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS)) return undefined;
  const variable = [`AWS_ENDPOINT_URL_${service}`, 'AWS_ENDPOINT_URL'].find((name) => env[name]);
  if (variable === undefined) return undefined;
  const url = URL.parse(env[variable] as string);
  if (url !== null && ['https:', 'http:'].includes(url.protocol)) return url;
  throw new CloudError(`${variable} is not a URL. Set it to one that begins with https://`, 'InvalidValue');
}

const isOn = (value: string | undefined) => value?.toLowerCase() === 'true';
