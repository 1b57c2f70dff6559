"""A small transformer language model, as Hugging Face scripts train it, in PyTorch.

AdamW with weight-decay groups, `get_cosine_schedule_with_warmup`, gradients accumulated over two
batches and clipped. In JAX: ../language_model.py

python examples/pytorch/language_model.py     # writes language_model.npz
"""

import torch
from recorder import parameters, record
from torch import nn
from transformers import get_cosine_schedule_with_warmup

LR, UPDATES, WARMUP, ACCUMULATED = 0.01, 150, 15, 2
BATCH, CONTEXT, WIDTH, HEADS = 8, 32, 24, 3

TEXT = """\
Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date;
Sometime too hot the eye of heaven shines,
And often is his gold complexion dimm'd;
And every fair from fair sometime declines,
By chance or nature's changing course untrimm'd;
But thy eternal summer shall not fade,
Nor lose possession of that fair thou ow'st;
Nor shall death brag thou wander'st in his shade,
When in eternal lines to time thou grow'st:
So long as men can breathe or eyes can see,
So long lives this, and this gives life to thee.
"""


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        # A bias of the keys would change nothing, and Adam would move it by rounding errors.
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        heads = self.qkv(self.norm1(x)).unflatten(-1, (3, HEADS, WIDTH // HEADS))
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).flatten(-2))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class LanguageModel(nn.Module):
    def __init__(self, vocabulary: int):
        super().__init__()
        self.token, self.position = nn.Embedding(vocabulary, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.block = Block()
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, vocabulary)

    def forward(self, tokens):
        x = self.token(tokens) + self.position.weight
        return self.head(self.norm(self.block(x)))


def train(variant: str, dtype: torch.dtype) -> dict:
    letters = sorted(set(TEXT))
    text = torch.tensor([letters.index(letter) for letter in TEXT])
    generator = torch.Generator().manual_seed(0)
    starts = torch.randint(len(TEXT) - CONTEXT, (UPDATES * ACCUMULATED, BATCH), generator=generator)
    windows = text[starts[..., None] + torch.arange(CONTEXT + 1)]

    torch.manual_seed(0)
    model = LanguageModel(len(letters)).to(dtype)
    initial = parameters(model)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=(0.9, 0.95))
    scheduler = get_cosine_schedule_with_warmup(optimizer, WARMUP, UPDATES)
    losses, lrs = [], []
    for index, window in enumerate(windows):
        lrs.append(optimizer.param_groups[0]["lr"])
        logits = model(window[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        (loss / ACCUMULATED).backward()
        losses.append(loss.item())
        if (index + 1) % ACCUMULATED == 0:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    return {
        "data": {"windows": windows},
        "initial": initial,
        "final": parameters(model),
        "lr": lrs,
        "loss": losses,
    }


if __name__ == "__main__":
    record(__file__, train, ["cosine"])
