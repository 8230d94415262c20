// Values a block group, then sends one that breaks a rule and prints what the service says of it.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

import { BadRequestSchema, ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { PredictionService } from "./gen/housing/v1/prediction_service_pb.js";

const client = createClient(PredictionService, createGrpcTransport({ baseUrl: `http://${process.argv[2]}` }));
const blockGroup = {
  longitude: -122.23,
  latitude: 37.88,
  housingMedianAge: 41,
  totalRooms: 880,
  population: 322,
  households: 126,
  medianIncome: 8.3252,
};
const answer = await client.predict({ blockGroup }, { timeoutMs: 30_000 });
console.log(`${answer.medianHouseValue.toFixed(0)} USD by version ${answer.modelVersion}`);

try {
  await client.predict({ blockGroup: { ...blockGroup, latitude: 50 } }, { timeoutMs: 30_000 });
} catch (error) {
  const refusal = ConnectError.from(error);
  console.log(Code[refusal.code]);
  refusal.findDetails(ErrorInfoSchema).forEach((info) => console.log(info.reason));
  refusal
    .findDetails(BadRequestSchema)
    .flatMap((detail) => detail.fieldViolations)
    .forEach((violation) => console.log(`${violation.field}: ${violation.description}`));
}
