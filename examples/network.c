/* Builds a small network layer by layer and runs it: y = relu(x * w), with a batch of any size. */
#include <stdio.h>
#include <stdlib.h>
#include <vivace/vivace.h>

static void check(vivace_status status) {
  if (status == VIVACE_OK) return;
  fprintf(stderr, "%s: %s\n", vivace_status_name(status), vivace_last_error());
  exit(1);
}

int main(void) {
  vivace_network* network;
  vivace_value *x, *w, *product, *y;
  vivace_tensor *weights, *input, *output = NULL;
  vivace_config* config;
  vivace_plan* plan;
  vivace_engine* engine;
  vivace_value* operands[2];
  const vivace_tensor* inputs[1];

  const int64_t x_dims[2] = {-1, 2}, w_dims[2] = {2, 2}, input_dims[2] = {3, 2};
  const int64_t min[2] = {1, 2}, opt[2] = {3, 2}, max[2] = {16, 2};
  const char* symbols[2] = {"batch", NULL};
  float w_data[4] = {1, -1, 1, 1}, x_data[6] = {1, 2, 3, 4, 5, 6};
  const float expected[6] = {3, 1, 7, 1, 11, 1};
  int i;

  printf("Vivace %s\n", vivace_version());
  check(vivace_network_create("example", &network));
  check(vivace_network_add_input(network, "x", VIVACE_F32, 2, x_dims, symbols, &x));
  check(vivace_tensor_wrap(VIVACE_F32, 2, w_dims, w_data, sizeof(w_data), &weights));
  check(vivace_network_add_constant(network, "w", weights, &w));
  operands[0] = x;
  operands[1] = w;
  check(vivace_network_add_node(network, "MatMul", "product", operands, 2, NULL, 1, &product));
  check(vivace_network_add_node(network, "Relu", "relu", &product, 1, NULL, 1, &y));
  check(vivace_network_mark_output(network, y, "y"));

  check(vivace_config_create(&config));
  check(vivace_config_set_shape(config, "x", 2, min, opt, max));
  check(vivace_config_set_threads(config, 1));
  check(vivace_build(network, config, &plan));
  check(vivace_engine_create(plan, NULL, &engine));

  check(vivace_tensor_wrap(VIVACE_F32, 2, input_dims, x_data, sizeof(x_data), &input));
  inputs[0] = input;
  check(vivace_engine_run(engine, inputs, 1, &output, 1));
  for (i = 0; i < 6; ++i) {
    const float got = ((const float*)vivace_tensor_data(output))[i];
    printf("%g%c", got, i % 2 ? '\n' : ' ');
    if (got != expected[i]) return 1;
  }

  vivace_tensor_destroy(output);
  vivace_tensor_destroy(input);
  vivace_tensor_destroy(weights);
  vivace_engine_destroy(engine);
  vivace_plan_destroy(plan);
  vivace_config_destroy(config);
  vivace_network_destroy(network);
  return 0;
}
