package cloze.bench.peer;

import static cloze.bench.peer.TorchParameters.optional;
import static org.bytedeco.pytorch.global.torch.gelu;
import static org.bytedeco.pytorch.global.torch.layer_norm;
import static org.bytedeco.pytorch.global.torch.scaled_dot_product_attention;

import cloze.bench.BlockStack;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** A pre-norm transformer block: causal and with the tanh GELU for GPT-2, neither for ViT. */
record TorchBlock(
        Affine norm1,
        Affine qkv,
        Affine projection,
        Affine norm2,
        Affine expand,
        Affine contract,
        BlockStack stack,
        Kind kind) {
    /** What makes a block, and the names of its parameters. */
    enum Kind {
        GPT_2(1e-5, "ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"),
        VIT(1e-6, "norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2");

        private final double epsilon;
        private final String norm1;
        private final String qkv;
        private final String projection;
        private final String norm2;
        private final String expand;
        private final String contract;

        Kind(
                double epsilon,
                String norm1,
                String qkv,
                String projection,
                String norm2,
                String expand,
                String contract) {
            this.epsilon = epsilon;
            this.norm1 = norm1;
            this.qkv = qkv;
            this.projection = projection;
            this.norm2 = norm2;
            this.expand = expand;
            this.contract = contract;
        }
    }

    /** A weight and a bias. */
    record Affine(Tensor weight, Tensor bias) {
        static Affine norm(TorchParameters p, String name, long width) {
            return new Affine(p.of(name + ".weight", width), p.of(name + ".bias", width));
        }

        static Affine linear(TorchParameters p, String name, long in, long out) {
            return new Affine(p.of(name + ".weight", out, in), p.of(name + ".bias", out));
        }

        Tensor normalize(Tensor x, Kind kind) {
            return layer_norm(x, weight.shape(), optional(weight), optional(bias), kind.epsilon, true);
        }

        Tensor product(Tensor x) {
            return torch.linear(x, weight, optional(bias));
        }
    }

    static TorchBlock of(TorchParameters p, String name, BlockStack stack, Kind kind) {
        long d = stack.width();
        return new TorchBlock(
                Affine.norm(p, name + "." + kind.norm1, d),
                Affine.linear(p, name + "." + kind.qkv, d, 3 * d),
                Affine.linear(p, name + "." + kind.projection, d, d),
                Affine.norm(p, name + "." + kind.norm2, d),
                Affine.linear(p, name + "." + kind.expand, d, 4 * d),
                Affine.linear(p, name + "." + kind.contract, 4 * d, d),
                stack,
                kind);
    }

    /** @param x [B, T, D] */
    Tensor forward(Tensor x) {
        Tensor attended = x.add(projection.product(attention(qkv.product(norm1.normalize(x, kind)))));
        Tensor hidden = expand.product(norm2.normalize(attended, kind));
        return attended.add(contract.product(kind == Kind.GPT_2 ? gelu(hidden, "tanh") : gelu(hidden)));
    }

    private Tensor attention(Tensor fused) {
        long b = fused.size(0);
        long t = fused.size(1);
        long d = stack.width();
        TensorVector parts = fused.split(d, 2);
        boolean causal = kind == Kind.GPT_2;
        Tensor y = attend(heads(parts.get(0), b, t), heads(parts.get(1), b, t), heads(parts.get(2), b, t), causal);
        return y.transpose(1, 2).contiguous().view(b, t, d);
    }

    private Tensor heads(Tensor x, long b, long t) {
        return x.view(b, t, stack.heads(), stack.headWidth()).transpose(1, 2);
    }

    /** Each [B, H, T, K]. */
    static Tensor attend(Tensor q, Tensor k, Tensor v, boolean causal) {
        return scaled_dot_product_attention(q, k, v, new TensorOptional(), 0.0, causal, new DoubleOptional(), false);
    }
}
