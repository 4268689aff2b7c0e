package cloze.foreign;

import cloze.foreign.Layout.Values;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** GPT-2 in loops and double: weights [out, in]. */
final class NaiveGptTwo {
    private final GptTwoConfig config;
    private final Map<String, float[]> weights = new LinkedHashMap<>();

    NaiveGptTwo(GptTwoConfig config, Map<String, Values> parameters) {
        this.config = config;
        parameters.forEach((name, values) -> weights.put(name, values.floats().toArray(ValueLayout.JAVA_FLOAT)));
    }

    private float[] weight(String name) {
        return Objects.requireNonNull(weights.get(name), name);
    }

    /** @return [T, V] */
    double[] logits(int[] ids) {
        int d = config.width();
        double[][] x = new double[ids.length][d];
        for (int t = 0; t < ids.length; t++) {
            for (int i = 0; i < d; i++) {
                x[t][i] = weight("wte.weight")[ids[t] * d + i] + (double) weight("wpe.weight")[t * d + i];
            }
        }
        for (int layer = 0; layer < config.layers(); layer++) {
            String h = "h." + layer + ".";
            add(x, linear(attention(linear(norm(x, h + "ln_1"), h + "attn.c_attn")), h + "attn.c_proj"));
            add(x, linear(gelu(linear(norm(x, h + "ln_2"), h + "mlp.c_fc")), h + "mlp.c_proj"));
        }
        double[][] last = norm(x, "ln_f");
        double[] logits = new double[ids.length * config.vocabulary()];
        for (int i = 0; i < logits.length; i++) {
            int v = i % config.vocabulary();
            for (int k = 0; k < d; k++) {
                logits[i] += last[i / config.vocabulary()][k] * weight("wte.weight")[v * d + k];
            }
        }
        return logits;
    }

    private static void add(double[][] x, double[][] y) {
        for (int t = 0; t < x.length; t++) {
            for (int i = 0; i < x[t].length; i++) {
                x[t][i] += y[t][i];
            }
        }
    }

    private double[][] norm(double[][] x, String name) {
        int d = config.width();
        double[][] y = new double[x.length][d];
        for (int t = 0; t < x.length; t++) {
            double mean = 0;
            double variance = 0;
            for (double value : x[t]) {
                mean += value / d;
            }
            for (double value : x[t]) {
                variance += (value - mean) * (value - mean) / d;
            }
            for (int i = 0; i < d; i++) {
                double normal = (x[t][i] - mean) / Math.sqrt(variance + config.epsilon());
                y[t][i] = normal * weight(name + ".weight")[i] + weight(name + ".bias")[i];
            }
        }
        return y;
    }

    private double[][] linear(double[][] x, String name) {
        float[] bias = weight(name + ".bias");
        int in = x[0].length;
        double[][] y = new double[x.length][bias.length];
        for (int t = 0; t < x.length; t++) {
            for (int o = 0; o < bias.length; o++) {
                y[t][o] = bias[o];
                for (int i = 0; i < in; i++) {
                    y[t][o] += x[t][i] * weight(name + ".weight")[o * in + i];
                }
            }
        }
        return y;
    }

    private static double[][] gelu(double[][] x) {
        for (double[] row : x) {
            for (int i = 0; i < row.length; i++) {
                double inner = Math.sqrt(2 / Math.PI) * (row[i] + 0.044715 * Math.pow(row[i], 3));
                row[i] = 0.5 * row[i] * (1 + Math.tanh(inner));
            }
        }
        return x;
    }

    private double[][] attention(double[][] qkv) {
        int d = config.width();
        int width = d / config.heads();
        double[][] y = new double[qkv.length][d];
        for (int t = 0; t < qkv.length; t++) {
            for (int first = 0; first < d; first += width) {
                double[] p = new double[t + 1];
                double sum = 0;
                for (int s = 0; s <= t; s++) {
                    for (int i = first; i < first + width; i++) {
                        p[s] += qkv[t][i] * qkv[s][d + i] / Math.sqrt(width);
                    }
                    p[s] = Math.exp(p[s]);
                    sum += p[s];
                }
                for (int s = 0; s <= t; s++) {
                    for (int i = first; i < first + width; i++) {
                        y[t][i] += p[s] / sum * qkv[s][2 * d + i];
                    }
                }
            }
        }
        return y;
    }
}
