package cloze.op;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;

/**
 * A layer of LSTM and its gradients, where all that a naive computation stores is what {@code stored} makes of it: y, the
 * gradients of gates, and what is handed on from token to token, cells and gradients of y and of cells. Gates are not: the op
 * declares that they are kept in f32.
 */
final class NaiveLstm {
    private final List<Array64> in;
    private final List<Array64> seeds;
    private final DoubleUnaryOperator stored;
    private final int tokens;
    private final int hidden;
    private final Array64 gates; // [B, T, 4 H]
    private final Array64 cells; // [B, T, H]
    private final Array64 y;
    private final Array64 lastH;
    private final Array64 lastC;
    private final Map<Integer, Array64> gradients = new HashMap<>();

    private NaiveLstm(Case c, DoubleUnaryOperator stored) {
        this.in = c.inputs();
        this.seeds = c.seeds();
        this.stored = stored;
        int batch = in.get(0).extent(0);
        tokens = in.get(0).extent(1);
        hidden = in.get(1).extent(1);
        gates = Array64.zeros(batch, tokens, 4 * hidden);
        cells = Array64.zeros(batch, tokens, hidden);
        y = Array64.zeros(batch, tokens, hidden);
        lastH = Array64.zeros(batch, hidden);
        lastC = Array64.zeros(batch, hidden);
        for (int input = 0; input < in.size(); input++) {
            gradients.put(input, Array64.zeros(in.get(input).shape().extents()));
        }
        for (int b = 0; b < batch; b++) {
            for (int token = 0; token < tokens; token++) {
                forward(b, token);
            }
            backward(b);
        }
    }

    static Values of(Case c, DoubleUnaryOperator stored) {
        var naive = new NaiveLstm(c, stored);
        return new Values(List.of(naive.y, naive.lastH, naive.lastC), naive.gradients);
    }

    private double stored(double x) {
        return stored.applyAsDouble(x);
    }

    /** Of y before a token. */
    private double before(Array64 states, int first, int b, int token, int unit) {
        return token == 0 ? in.get(first).at(b * hidden + unit) : states.at((b * tokens + token - 1) * hidden + unit);
    }

    private void forward(int b, int token) {
        int at = b * tokens + token;
        int width = in.get(0).columns();
        double[] gate = gates.data();
        for (int k = 0; k < 4 * hidden; k++) {
            double sum = in.size() > 5 ? in.get(5).at(k) : 0;
            for (int i = 0; i < width; i++) {
                sum += in.get(3).at(k * width + i) * in.get(0).at(at * width + i);
            }
            for (int j = 0; j < hidden; j++) {
                sum += in.get(4).at(k * hidden + j) * before(y, 1, b, token, j);
            }
            gate[at * 4 * hidden + k] = k / hidden == 2 ? Math.tanh(sum) : Scalars.sigmoid(sum);
        }
        for (int j = 0; j < hidden; j++) {
            int i = at * 4 * hidden + j;
            double cell = gate[i + hidden] * before(cells, 2, b, token, j) + gate[i] * gate[i + 2 * hidden];
            cells.data()[at * hidden + j] = stored(cell);
            y.data()[at * hidden + j] = stored(gate[i + 3 * hidden] * Math.tanh(cell));
            lastH.data()[b * hidden + j] = y.at(at * hidden + j);
            lastC.data()[b * hidden + j] = cells.at(at * hidden + j);
        }
    }

    /** From the last token of a sample to the first. */
    private void backward(int b) {
        var dh = new double[hidden];
        var dc = new double[hidden];
        for (int j = 0; j < hidden; j++) {
            dh[j] = seeds.get(1).at(b * hidden + j);
            dc[j] = seeds.get(2).at(b * hidden + j);
        }
        for (int token = tokens - 1; token >= 0; token--) {
            double[] dgates = slopes(b, token, dh, dc);
            int at = b * tokens + token;
            for (int k = 0; k < dgates.length && in.size() > 5; k++) {
                gradients.get(5).data()[k] += dgates[k];
            }
            int width = in.get(0).columns();
            for (int i = 0; i < width; i++) {
                double x = in.get(0).at(at * width + i);
                gradients.get(0).data()[at * width + i] = back(dgates, 3, i, width, x);
            }
            for (int j = 0; j < hidden; j++) {
                dh[j] = stored(back(dgates, 4, j, hidden, before(y, 1, b, token, j)));
            }
        }
        System.arraycopy(dh, 0, gradients.get(1).data(), b * hidden, hidden);
        System.arraycopy(dc, 0, gradients.get(2).data(), b * hidden, hidden);
    }

    /** The gradients of the sums of gates; that of the cell goes on to the token before. */
    private double[] slopes(int b, int token, double[] dh, double[] dc) {
        var dgates = new double[4 * hidden];
        for (int j = 0; j < hidden; j++) {
            int at = (b * tokens + token) * hidden + j;
            int first = (b * tokens + token) * 4 * hidden + j;
            double i = gates.at(first);
            double f = gates.at(first + hidden);
            double g = gates.at(first + 2 * hidden);
            double o = gates.at(first + 3 * hidden);
            double squashed = Math.tanh(cells.at(at));
            double dy = dh[j] + seeds.get(0).at(at);
            double dcell = dc[j] + dy * o * (1 - squashed * squashed);
            dgates[j] = stored(dcell * g * i * (1 - i));
            dgates[hidden + j] = stored(dcell * before(cells, 2, b, token, j) * f * (1 - f));
            dgates[2 * hidden + j] = stored(dcell * i * (1 - g * g));
            dgates[3 * hidden + j] = stored(dy * squashed * o * (1 - o));
            dc[j] = stored(dcell * f);
        }
        return dgates;
    }

    /** The gradient of one input of a product, whose weight's is added to. */
    private double back(double[] dgates, int weight, int column, int columns, double x) {
        double sum = 0;
        for (int k = 0; k < dgates.length; k++) {
            sum += dgates[k] * in.get(weight).at(k * columns + column);
            gradients.get(weight).data()[k * columns + column] += dgates[k] * x;
        }
        return sum;
    }
}
