package cloze.nn;

import cloze.op.Heads;

/**
 * Attention probabilities of the first query, {@code softmax(q k^T / sqrt(K))}, computed on the host. The fused
 * attention does not keep them.
 */
public final class FirstQuery {
    private FirstQuery() {}

    /**
     * The probabilities that the first token gives to all.
     *
     * @param qkv [B, T, 3 H K], query heads, key heads, value heads
     * @param t T
     * @return [B, H, T]
     */
    public static float[] probabilities(float[] qkv, int t, Heads heads) {
        int h = heads.queries();
        int k = heads.width();
        int row = heads.fused();
        int b = qkv.length / (t * row);
        float[] probabilities = new float[b * h * t];
        double[] scores = new double[t];
        for (int i = 0; i < b * h; i++) {
            int query = i / h * t * row + i % h * k;
            double most = Double.NEGATIVE_INFINITY;
            for (int j = 0; j < t; j++) {
                double dot = 0;
                for (int d = 0; d < k; d++) {
                    dot += (double) qkv[query + d] * qkv[query + j * row + h * k + d];
                }
                scores[j] = dot / Math.sqrt(k);
                most = Math.max(most, scores[j]);
            }
            double sum = 0;
            for (int j = 0; j < t; j++) {
                scores[j] = Math.exp(scores[j] - most);
                sum += scores[j];
            }
            for (int j = 0; j < t; j++) {
                probabilities[i * t + j] = (float) (scores[j] / sum);
            }
        }
        return probabilities;
    }
}
